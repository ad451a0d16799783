"""Text as it is meant, whatever characters a model's name has."""

import re

# Controls and lone surrogates, which no page, picture or UTF-8 file can have.
UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

# What would open a link, a code span, an equation, a cell or an emphasis.
MARKDOWN = re.compile(r"[\\`\[\]$|~]|\*(?=\S)|(?<!\w)_(?=\S)")


def one_line(text: str) -> str:
    """Returns a text on one line, with � for what can't be printed."""
    return UNPRINTABLE.sub("\ufffd", " ".join(text.split()))


def markdown_text(text: str) -> str:
    """Returns a text on one line that Markdown shows as it is."""
    text = MARKDOWN.sub(r"\\\g<0>", one_line(text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
