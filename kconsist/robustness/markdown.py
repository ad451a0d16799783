"""A report as Markdown."""

from kconsist.robustness import overlap
from kconsist.robustness.tables import data_words, tables


def title(report, against=()) -> str:
    """Returns the heading of a report."""
    names = " and ".join(each.model for each in (report, *against))
    return f"Robustness of {names}"


def notes(report, against=()) -> list[str]:
    """Returns what has to be said of the numbers, each thing once."""
    found = []
    for each in (report, *against):
        found += [data_words(each), *each.about["notes"]]
        trained = overlap.sentence(each.about["augmentations"])
        found.append(f"{each.model}: {trained}" if against else trained)
    return list(dict.fromkeys(found))


def markdown(report, against=(), references=False) -> str:
    """Returns a report as Markdown; `Report.to_markdown` says more."""
    parts = [f"# {title(report, against)}"]
    parts.append("\n".join(f"- {note}" for note in notes(report, against)))
    for table in tables(report, against, references):
        parts += [f"## {table.title}", table.caption, _lines(table)]
    versions = report.about["versions"]
    parts.append(", ".join(f"{name} {v}" for name, v in versions.items()))
    return "\n\n".join(parts) + "\n"


def _lines(table):
    rows = [table.heads, *table.rows]
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
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
