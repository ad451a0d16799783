"""The tables of a report, as rows of text that Markdown and HTML share."""

from typing import NamedTuple

import numpy as np

from kconsist.robustness import overlap, references
from kconsist.robustness.comparison import compare
from kconsist.robustness.corruptions import SEVERITIES
from kconsist.robustness.report import CLEAN
from kconsist.robustness.summaries import SUMMARIES

NONE = "–"

# What differences are shown for, as far as the cells were evaluated.
COMPARED = (
    "clean_accuracy",
    "mean_accuracy_15",
    "mean_accuracy_15_severity_5",
    "mean_accuracy_19",
    "mean_accuracy_19_severity_5",
    "gap_to_clean",
)


class Table(NamedTuple):
    """A table with a title, a line below it, heads and rows of text."""

    title: str
    caption: str
    heads: list[str]
    rows: list[list[str]]


def tables(report, against=(), with_references=False) -> list[Table]:
    """Returns all tables of a page, those that have rows."""
    reports = [report, *against]
    found = [summary_table(reports)]
    if against:
        found += [comparison_table(reports), beside_table(reports)]
    found += [corruption_table(each) for each in reports]
    if with_references:
        found.append(reference_table(reports))
    return [table for table in found if table.rows]


def summary_table(reports) -> Table:
    """Every summary that could be computed, a column for each report."""
    known = [report.summaries for report in reports]
    rows = [
        [f"`{name}`", summary.words]
        + [_value(summary.score, found.get(name)) for found in known]
        for name, summary in SUMMARIES.items()
        if any(name in found for found in known)
    ]
    heads = ["summary", "what it is", *(report.model for report in reports)]
    caption = (
        "In percent, likelihoods in nats. A summary is there only if all of "
        "its cells were evaluated."
    )
    return Table("Summary", caption, heads, rows)


def comparison_table(reports) -> Table:
    """Differences to the first report, with paired bootstrap intervals."""
    baseline, *others = reports
    rows = []
    for other in others:
        for name in COMPARED:
            try:
                found = compare(baseline, other, name)
            except ValueError:
                continue  # Cells that were not evaluated, other images.
            points = [f"{100 * value:+.2f}" for value in found]
            rows.append([other.model, f"`{name}`", *points])
    heads = ["model", "summary", "difference", "low", "high"]
    caption = (
        f"Points above {baseline.model}, with the 95 % interval of a paired "
        "bootstrap over the test images. It does not cover training again "
        "with another seed. More gap_to_clean is worse, more of the others "
        "better."
    )
    return Table(f"Against {baseline.model}", caption, heads, rows)


def beside_table(reports) -> Table:
    """Accuracy by corruption, a column for each report."""
    common = [
        name
        for name in reports[0].corruptions
        if all(name in report.corruptions for report in reports)
    ]
    rows = []
    for name in common:
        means = [corruption_accuracy(report, name) for report in reports]
        differences = [f"{100 * (m - means[0]):+.1f}" for m in means[1:]]
        rows.append([name, *map(percent, means), *differences])
    heads = ["corruption", *(report.model for report in reports)]
    heads += [f"{report.model}, more" for report in reports[1:]]
    caption = f"Accuracy, %, {severity_words(reports[0])}."
    return Table("Accuracy by corruption", caption, heads, rows)


def corruption_table(report) -> Table:
    """Accuracy by corruption and severity, with error and calibration."""
    marked = overlap.overlapping(report.about["augmentations"])
    rows = []
    if CLEAN in report.cells:
        row = report.row(*CLEAN)
        blank = [NONE] * len(report.severities)
        values = [row["accuracy"], row["ece"], None]
        rows.append(["clean", *blank, *map(percent, values)])
    for name in report.corruptions:
        cells = [report.row(name, s) for s in report.severities]
        means = [_mean(cells, k) for k in ("accuracy", "ece", "disagreement")]
        values = [cell["accuracy"] for cell in cells] + means
        label = name + ("*" if name in marked else "")
        if name == "frost" and report.about["procedural_frost"]:
            label += " (procedural)"
        rows.append([label, *map(percent, values)])
    heads = ["corruption", *(f"s{s}" for s in report.severities)]
    heads += ["mean", "ECE", "disagreement"]
    caption = (
        "Accuracy by severity (s1 … s5) and its mean; means of ECE and of "
        f"disagreement with the clean answer; all in %. {data_words(report)}"
    )
    return Table(f"Cells of {report.model}", caption, heads, rows)


def reference_table(reports) -> Table:
    """Errors beside those of published models."""
    names = (
        "clean_accuracy",
        "mean_accuracy_15",
        "mean_accuracy_15_severity_5",
    )
    rows = []
    for report in reports:
        found = report.summaries
        errors = [1 - found[n] if n in found else None for n in names]
        what = f"evaluated here, {report.about['data']}"
        rows.append([report.model, what, *(percent(e, 2) for e in errors)])
    for model, *errors in references.REFERENCES:
        what = "published; another architecture and training"
        rows.append([model, what, *(f"{error:.2f}" for error in errors)])
    heads = ["model", "what it is", "clean error"]
    heads += ["error, 15 types", "error, 15 types, severity 5"]
    return Table("Beside the literature", references.CAVEAT, heads, rows)


def corruption_accuracy(report, name) -> float:
    """Returns the mean accuracy of a corruption over what was evaluated."""
    return _mean([report.row(name, s) for s in report.severities], "accuracy")


def severity_words(report) -> str:
    """Returns which severities a mean is over."""
    found = report.severities
    if len(found) == 1:
        return f"severity {found[0]}"
    if found == list(SEVERITIES):
        return "mean over severities 1 to 5"
    return f"mean over severities {', '.join(map(str, found))}"


def data_words(report) -> str:
    """Returns in a sentence what images a report is of."""
    about = report.about
    count = about["examples"]
    images = f"{about['total']:,} images a cell"
    if count is not None:
        images = (
            f"{count:,} of {about['total']:,} images a cell, the same in all, "
            f"chosen by seed {about['seed']}"
        )
    word = "REGENERATED" if about["regenerated"] else about["data"]
    return f"Data: {word}, {images}."


def is_code(cell) -> bool:
    """Returns whether a cell is the name of a summary, set as code."""
    return cell[:1] == cell[-1:] == "`" and cell[1:-1] in SUMMARIES


def percent(value, digits: int = 1) -> str:
    """Returns a share as percent, or a dash for `None`."""
    return NONE if value is None else f"{100 * value:.{digits}f}"


def _value(score, value):
    if value is None:
        return NONE
    return f"{value:.3f}" if score == "nll" else percent(value, 2)


def _mean(rows, key):
    values = [row[key] for row in rows]
    return None if None in values else float(np.mean(values))
