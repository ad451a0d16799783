"""Escapes text, such as model names, for one line of a page or a picture."""

import re

# Control characters and lone surrogates, which HTML, SVG and UTF-8 lack.
UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

# Characters that start a link, code span, equation, table cell or emphasis.
MARKDOWN = re.compile(r"[\\`\[\]$|~]|\*(?=\S)|(?<!\w)_(?=\S)")


def one_line(text: str) -> str:
    """Joins the lines of a text and replaces unprintable characters by �."""
    return UNPRINTABLE.sub("\ufffd", " ".join(text.split()))


def escape_markdown(text: str) -> str:
    """Returns a text on one line that Markdown renders literally."""
    text = MARKDOWN.sub(r"\\\g<0>", one_line(text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
