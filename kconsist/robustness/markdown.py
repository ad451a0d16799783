"""A report as Markdown."""

from kconsist.robustness import overlap
from kconsist.robustness.tables import data_words, is_code, tables
from kconsist.robustness.text import markdown_text


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
        if _images(each) != _images(report):
            found.append(
                f"{each.model} and {report.model} were evaluated on different "
                "images: what they differ by is not due to the models alone."
            )
    return list(dict.fromkeys(found))


def _images(report):
    """Returns what tells which images a report is of."""
    about = report.about
    seed = about["seed"] if about["examples"] else None
    names = ("fingerprint", "clean_fingerprint", "examples")
    return [*(about[name] for name in names), seed]


def markdown(report, against=(), references=False) -> str:
    """Returns a report as Markdown; `Report.to_markdown` says more."""
    parts = [f"# {markdown_text(title(report, against))}"]
    items = [f"- {markdown_text(note)}" for note in notes(report, against)]
    parts.append("\n".join(items))
    for table in tables(report, against, references):
        heading, caption = map(markdown_text, (table.title, table.caption))
        parts += [f"## {heading}", caption, _lines(table)]
    versions = report.about["versions"].items()
    parts.append(
        markdown_text(", ".join(f"{name} {v}" for name, v in versions))
    )
    return "\n\n".join(parts) + "\n"


def _lines(table):
    rows = [table.heads, *table.rows]
    rows = [
        [cell if is_code(cell) else markdown_text(cell) for cell in row]
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
