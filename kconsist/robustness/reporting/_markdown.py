"""Renders a report as Markdown."""

from kconsist.robustness.reporting._escaping import escape_markdown
from kconsist.robustness.reporting._notes import notes, title
from kconsist.robustness.reporting._tables import is_code, make_tables


def to_markdown(report, against=(), references=False) -> str:
    """Returns a report as Markdown; see `Report.to_markdown`."""
    parts = [f"# {escape_markdown(title(report, against))}"]
    items = [f"- {escape_markdown(note)}" for note in notes(report, against)]
    parts.append("\n".join(items))
    for table in make_tables(report, against, references):
        heading, caption = map(escape_markdown, (table.title, table.caption))
        parts += [f"## {heading}", caption, _render(table)]
    versions = report.metadata["versions"].items()
    parts.append(
        escape_markdown(", ".join(f"{name} {v}" for name, v in versions))
    )
    return "\n\n".join(parts) + "\n"


def _render(table):
    rows = [table.header, *table.rows]
    rows = [
        [cell if is_code(cell) else escape_markdown(cell) for cell in row]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * max(3, width) for width in widths])
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        + " |"
        for row in rows
    )
