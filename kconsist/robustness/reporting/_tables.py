"""The tables of a report as rows of text, shared by Markdown and HTML."""

from typing import NamedTuple

import numpy as np

from kconsist.robustness.corruptions import SEVERITIES
from kconsist.robustness.corruptions.names import CLEAN
from kconsist.robustness.reporting import _overlap, _references
from kconsist.robustness.reporting._bootstrap import paired_bootstrap
from kconsist.robustness.reporting._notes import describe_data
from kconsist.robustness.reporting.summaries import SUMMARIES

MISSING = "–"

# The summaries whose differences are shown, if their cells were evaluated.
COMPARED_SUMMARIES = (
    "clean_accuracy",
    "mean_accuracy_15",
    "mean_accuracy_15_severity_5",
    "mean_accuracy_19",
    "mean_accuracy_19_severity_5",
    "gap_to_clean",
)


class Table(NamedTuple):
    """A table of text with a title and a caption."""

    title: str
    caption: str
    header: list[str]
    rows: list[list[str]]


def make_tables(report, against=(), references=False) -> list[Table]:
    """Returns all tables of a report that have rows."""
    reports = [report, *against]
    tables = [summary_table(reports)]
    if against:
        tables += [comparison_table(reports), side_by_side_table(reports)]
    tables += [corruption_table(each) for each in reports]
    if references:
        tables.append(reference_table(reports))
    return [table for table in tables if table.rows]


def summary_table(reports) -> Table:
    """Returns the available summaries, one column per report."""
    columns = [report.summaries for report in reports]
    rows = [
        [f"`{name}`", summary.description]
        + [_value(summary.score, values.get(name)) for values in columns]
        for name, summary in SUMMARIES.items()
        if any(name in values for values in columns)
    ]
    header = ["summary", "description", *(report.model for report in reports)]
    caption = (
        "In percent, log-likelihood in nats. A summary is shown only if all of "
        "its cells were evaluated."
    )
    return Table("Summary", caption, header, rows)


def comparison_table(reports) -> Table:
    """Returns differences to the first report, with bootstrap intervals."""
    baseline, *others = reports
    rows = []
    for other in others:
        for name in COMPARED_SUMMARIES:
            try:
                values = paired_bootstrap(baseline, other, name)
            except ValueError:
                continue  # Cells were not evaluated, or on other images.
            points = [f"{100 * value:+.2f}" for value in values]
            rows.append([other.model, f"`{name}`", *points])
    header = ["model", "summary", "difference", "low", "high"]
    caption = (
        f"Difference to {baseline.model} in percentage points, with the 95 % "
        "interval of a paired bootstrap over the test images. It does not "
        "include the variance of training with another seed. Higher is better, "
        "except for gap_to_clean."
    )
    title = f"Comparison with {baseline.model}"
    return Table(title, caption, header, rows)


def side_by_side_table(reports) -> Table:
    """Returns accuracy by corruption, one column per report."""
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
    header = ["corruption", *(report.model for report in reports)]
    header += [f"{report.model}, difference" for report in reports[1:]]
    caption = f"Accuracy, %, {describe_severities(reports[0])}."
    return Table("Accuracy by corruption", caption, header, rows)


def corruption_table(report) -> Table:
    """Returns accuracy by corruption and severity, with calibration."""
    overlaps = _overlap.overlapping_corruptions(
        report.metadata["augmentations"]
    )
    rows = []
    if CLEAN in report.cells:
        row = report.row(*CLEAN)
        blank = [MISSING] * len(report.severities)
        values = [row["accuracy"], row["ece"], None]
        rows.append(["clean", *blank, *map(percent, values)])
    for name in report.corruptions:
        cells = [report.row(name, s) for s in report.severities]
        means = [_mean(cells, k) for k in ("accuracy", "ece", "disagreement")]
        values = [cell["accuracy"] for cell in cells] + means
        label = name + ("*" if name in overlaps else "")
        if name == "frost" and report.metadata["procedural_frost"]:
            label += " (procedural)"
        rows.append([label, *map(percent, values)])
    header = ["corruption", *(f"s{s}" for s in report.severities)]
    header += ["mean", "ECE", "disagreement"]
    caption = (
        "Accuracy by severity (s1 … s5) and its mean; means of ECE and of "
        "disagreement with the prediction on the clean image; all in %. "
        f"{describe_data(report)}"
    )
    title = f"Accuracy by corruption and severity: {report.model}"
    return Table(title, caption, header, rows)


def reference_table(reports) -> Table:
    """Returns errors together with those of published models."""
    names = (
        "clean_accuracy",
        "mean_accuracy_15",
        "mean_accuracy_15_severity_5",
    )
    rows = []
    for report in reports:
        values = report.summaries
        errors = [1 - values[n] if n in values else None for n in names]
        origin = f"this evaluation, {report.metadata['data']}"
        rows.append([report.model, origin, *(percent(e, 2) for e in errors)])
    for model, *errors in _references.REFERENCES:
        origin = "published; other architecture and training"
        rows.append([model, origin, *(f"{error:.2f}" for error in errors)])
    header = ["model", "origin", "clean error", "error, 15 corruptions"]
    header += ["error, 15 corruptions, severity 5"]
    return Table("Published results", _references.CAVEAT, header, rows)


def corruption_accuracy(report, name) -> float:
    """Returns the mean accuracy over the evaluated severities."""
    return _mean([report.row(name, s) for s in report.severities], "accuracy")


def describe_severities(report) -> str:
    """Describes the severities that a mean is taken over."""
    severities = report.severities
    if len(severities) == 1:
        return f"severity {severities[0]}"
    if severities == list(SEVERITIES):
        return "mean over severities 1 to 5"
    return f"mean over severities {', '.join(map(str, severities))}"


def is_code(cell) -> bool:
    """Returns whether a table cell is the name of a summary in backticks."""
    return cell[:1] == cell[-1:] == "`" and cell[1:-1] in SUMMARIES


def percent(value, digits: int = 1) -> str:
    """Returns a fraction in percent, or a dash for `None`."""
    return MISSING if value is None else f"{100 * value:.{digits}f}"


def _value(score, value):
    if value is None:
        return MISSING
    return f"{value:.3f}" if score == "nll" else percent(value, 2)


def _mean(rows, key):
    values = [row[key] for row in rows]
    return None if None in values else float(np.mean(values))
