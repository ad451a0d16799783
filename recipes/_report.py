"""Files and tables of robustness reports."""

import argparse
import pathlib

import _run
import keras

from kconsist.data import Examples
from kconsist.robustness import Generated, Report, compare, evaluate

SUMMARIES = (
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


def evaluate_networks(
    args: argparse.Namespace,
    folder: pathlib.Path,
    networks: dict[str, keras.Model],
    augmentations: dict,
    test: Examples,
) -> None:
    """Evaluates networks on corrupted test images; writes and prints reports.

    Args:
        args: flags, of which `corruptions`, `examples`, `seed` and `dataset`
            are read.
        folder: where the reports go.
        networks: names and networks; the first is the baseline.
        augmentations: the view that each network was trained on, by name.
        test: images and labels.
    """
    print("\nunder corruptions", flush=True)
    source = Generated(
        *test,
        preset=preset(test.images),
        seed=args.seed,
        num_classes=test.num_classes,
    )
    reports = [
        evaluate(
            model,
            source,
            corruptions=unpack_one(args.corruptions),
            severities=[5],
            examples=min(args.examples, len(test.images)),
            resume_file=folder / "cells.jsonl",
            name=name,
            augmentations=augmentations[name],
        )
        for name, model in networks.items()
    ]
    print("\n" + "\n".join(source.notes))
    print("\n" + _run.table(summaries(reports)))
    write(folder, reports, references=args.dataset == "cifar10")


def unpack_one(names: list[str]) -> str | list[str]:
    """Returns one name as a string, as the names of groups must be."""
    return names[0] if len(names) == 1 else names


def write(
    folder: pathlib.Path, reports: list[Report], references: bool
) -> None:
    """Writes the files of all reports; prints gains over the first.

    Args:
        folder: where report.json, .csv, .md, .html and .png go.
        reports: one for each model; the first is the baseline.
        references: whether published results are shown beside them.
    """
    first, *others = reports
    for number, report in enumerate(reports, start=1):
        end = f"_{number}" if number > 1 else ""
        report.to_json(folder / f"report{end}.json")
    first.to_csv(folder / "report.csv", others)
    first.to_markdown(folder / "report.md", others, references)
    first.to_html(folder / "report.html", others, references)
    first.plot(others).savefig(folder / "report.png", dpi=110)
    if rows := differences(reports):
        print("\n" + _run.table(rows))


def summaries(reports: list[Report]) -> list[dict]:
    """Returns a row for each summary, with a column for each report."""
    rows = []
    for name in SUMMARIES:
        if name not in reports[0].summaries:
            continue
        row = {"%": name}
        for report in reports:
            row[report.model] = 100 * report.summary(name)
        rows.append(row)
    return rows


def differences(reports: list[Report]) -> list[dict]:
    """Returns the gains over the first report, with 95 % intervals."""
    rows = []
    for report in reports[1:]:
        for name in SUMMARIES:
            try:
                found = compare(reports[0], report, name)
            except ValueError:  # Not a mean of correct predictions, or absent.
                continue
            low, high = 100 * found.low, 100 * found.high
            rows.append(
                {
                    f"gain over {reports[0].model}": report.model,
                    "summary": name,
                    "points": f"{100 * found.difference:+.2f}",
                    "95 % interval": f"{low:+.2f} … {high:+.2f}",
                }
            )
    return rows


def preset(images) -> str:
    """Returns the preset of corruptions for images of this size."""
    side = max(images.shape[1:3])
    if side <= 48:
        return "cifar"
    return "tiny_imagenet" if side < 128 else "imagenet"


def short_names(paths: list) -> list[str]:
    """Returns a short name for each file; no two are equal."""
    paths = [pathlib.Path(path) for path in paths]
    for names in (
        [path.stem for path in paths],
        [f"{path.parent.name}/{path.stem}" for path in paths],
    ):
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
