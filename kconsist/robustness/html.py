"""A report as one HTML page that asks no other file and no server."""

import base64
import html
import io

from kconsist.robustness import plots
from kconsist.robustness.markdown import notes, title
from kconsist.robustness.tables import is_code, tables
from kconsist.robustness.text import one_line

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a;
  background: #fff; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.notes { background: #fff6df; border-left: 4px solid #e69f00;
  padding: .6rem 1rem .6rem 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd;
  text-align: left; }
th { border-bottom: 2px solid #888; vertical-align: bottom; }
td.number, th.number { text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
tr:hover td { background: #f3f6fa; }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; }
p.caption { color: #444; max-width: 50rem; }
footer { color: #555; font-size: 13px; margin: 3rem 0 1rem; }
"""


def page(report, against=(), references=False) -> str:
    """Returns the page; `Report.to_html` says more."""
    heading = _text(title(report, against))
    summary, *rest = tables(report, against, references)
    parts = [f"<h1>{heading}</h1>", _notes(notes(report, against))]
    parts += [_table(summary), *_pictures(report, against)]
    parts += [_table(table) for table in rest]
    versions = report.about["versions"].items()
    parts.append(
        "<footer>"
        + _text(", ".join(f"{name} {v}" for name, v in versions))
        + "</footer>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _text(text):
    return html.escape(one_line(text))


def _notes(sentences):
    items = "\n".join(f"<li>{_text(text)}</li>" for text in sentences)
    return f'<ul class="notes">\n{items}\n</ul>'


def _table(table):
    rows = [_row("th", table.heads, table), *map(_cells(table), table.rows)]
    return (
        f"<h2>{_text(table.title)}</h2>\n"
        f'<p class="caption">{_text(table.caption)}</p>\n'
        '<div class="scroll"><table>\n' + "\n".join(rows) + "\n</table></div>"
    )


def _cells(table):
    return lambda row: _row("td", row, table)


def _row(tag, cells, table):
    parts = []
    for column, text in enumerate(cells):
        kind = ' class="number"' if _is_number(table, column) else ""
        if is_code(text):
            text = f"<code>{text[1:-1]}</code>"
        else:
            text = _text(text)
        parts.append(f"<{tag}{kind}>{text}</{tag}>")
    return f"<tr>{''.join(parts)}</tr>"


def _is_number(table, column):
    digits = (row[column].lstrip("+-–") for row in table.rows)
    return all(not text or text[0].isdigit() for text in digits)


def _pictures(report, against):
    parts = []
    for each in (report, *against):
        drawn = plots.figure(12, 6.5)
        left, right = drawn.subplots(1, 2, width_ratios=[5, 6])
        plots.heat_map(each, left)
        plots.curves(each, right)
        words = f"accuracy of {each.model} by corruption and severity"
        parts.append(_picture(drawn, words))
    if against:
        drawn = plots.figure(12, 4.5)
        plots.bars([report, *against], drawn.subplots())
        parts.append(_picture(drawn, "accuracy by corruption, side by side"))
    return parts


def _picture(drawn, words):
    import matplotlib

    buffer = io.BytesIO()
    # Without a date or a random salt the same report gives the same page.
    with matplotlib.rc_context({"svg.hashsalt": "kconsist"}):
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    picture = buffer.getvalue()
    picture = picture[picture.index(b"<svg") :]  # Its document type is a link.
    data = base64.b64encode(picture).decode()
    return (
        f'<figure><img alt="{_text(words)}" '
        f'src="data:image/svg+xml;base64,{data}"></figure>'
    )
