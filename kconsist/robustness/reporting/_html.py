"""Renders a report as one self-contained HTML page."""

import base64
import html
import io

from kconsist.robustness.reporting import _plots
from kconsist.robustness.reporting._escaping import one_line
from kconsist.robustness.reporting._notes import notes, title
from kconsist.robustness.reporting._tables import is_code, make_tables

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


def to_html(report, against=(), references=False) -> str:
    """Returns a report as an HTML page; see `Report.to_html`."""
    heading = _escape(title(report, against))
    summary, *rest = make_tables(report, against, references)
    parts = [f"<h1>{heading}</h1>", _notes(notes(report, against))]
    parts += [_table(summary), *_figures(report, against)]
    parts += [_table(table) for table in rest]
    versions = report.metadata["versions"].items()
    parts.append(
        "<footer>"
        + _escape(", ".join(f"{name} {v}" for name, v in versions))
        + "</footer>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _escape(text):
    return html.escape(one_line(text))


def _notes(lines):
    items = "\n".join(f"<li>{_escape(line)}</li>" for line in lines)
    return f'<ul class="notes">\n{items}\n</ul>'


def _table(table):
    rows = [_row("th", table.header, table)]
    rows += [_row("td", row, table) for row in table.rows]
    return (
        f"<h2>{_escape(table.title)}</h2>\n"
        f'<p class="caption">{_escape(table.caption)}</p>\n'
        '<div class="scroll"><table>\n' + "\n".join(rows) + "\n</table></div>"
    )


def _row(tag, cells, table):
    parts = []
    for column, text in enumerate(cells):
        kind = ' class="number"' if _is_number(table, column) else ""
        if is_code(text):
            text = f"<code>{text[1:-1]}</code>"
        else:
            text = _escape(text)
        parts.append(f"<{tag}{kind}>{text}</{tag}>")
    return f"<tr>{''.join(parts)}</tr>"


def _is_number(table, column):
    digits = (row[column].lstrip("+-–") for row in table.rows)
    return all(not text or text[0].isdigit() for text in digits)


def _figures(report, against):
    parts = []
    for each in (report, *against):
        figure = _plots.new_figure(12, 6.5)
        left, right = figure.subplots(1, 2, width_ratios=[5, 6])
        _plots.plot_heat_map(each, left)
        _plots.plot_severities(each, right)
        alt = f"accuracy of {each.model} by corruption and severity"
        parts.append(_embed(figure, alt))
    if against:
        figure = _plots.new_figure(12, 4.5)
        _plots.plot_bars([report, *against], figure.subplots())
        parts.append(_embed(figure, "accuracy by corruption and model"))
    return parts


def _embed(figure, alt):
    import matplotlib

    buffer = io.BytesIO()
    # Without a date and a random salt the page is reproducible.
    with matplotlib.rc_context({"svg.hashsalt": "kconsist"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index(b"<svg") :]  # The document type has a link.
    data = base64.b64encode(svg).decode()
    return (
        f'<figure><img alt="{_escape(alt)}" '
        f'src="data:image/svg+xml;base64,{data}"></figure>'
    )
