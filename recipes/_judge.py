"""What recipes that end in reports share: their files, table and intervals."""

from kconsist.robustness import compare

SHOWN = (
    "clean_accuracy",
    "mean_accuracy_15",
    "mean_accuracy_15_severity_5",
    "mean_accuracy_19",
    "mean_accuracy_19_severity_5",
    "mean_accuracy_extra_4_severity_5",
    "gap_to_clean",
    "mean_disagreement",
    "mean_ece_15",
)


def write(folder, reports, references):
    """Writes the files of all reports."""
    first, *others = reports
    for number, report in enumerate(reports, start=1):
        end = f"_{number}" if number > 1 else ""
        report.to_json(folder / f"report{end}.json")
    first.to_csv(folder / "report.csv", others)
    first.to_markdown(folder / "report.md", others, references)
    first.to_html(folder / "report.html", others, references)
    first.plot(others).savefig(folder / "report.png", dpi=110)


def table(reports):
    """Returns a row for each summary, a column for each report."""
    rows = []
    for name in SHOWN:
        if name not in reports[0].summaries:
            continue
        row = {"%": name}
        for report in reports:
            row[report.model] = 100 * report.summary(name)
        rows.append(row)
    return rows


def differences(reports):
    """Returns what the other models have more, with intervals."""
    rows = []
    for report in reports[1:]:
        for name in SHOWN:
            try:
                found = compare(reports[0], report, name)
            except ValueError:  # No mean of hits, or not evaluated.
                continue
            low, high = 100 * found.low, 100 * found.high
            rows.append(
                {
                    f"more than {reports[0].model}": report.model,
                    "points": name,
                    "difference": f"{100 * found.difference:+.2f}",
                    "95 % interval": f"{low:+.2f} … {high:+.2f}",
                }
            )
    return rows


def preset(images):
    """Returns the preset whose constants were made for images of this size."""
    side = max(images.shape[1:3])
    if side <= 48:
        return "cifar"
    return "tiny_imagenet" if side < 128 else "imagenet"
