"""The paired bootstrap behind `compare`, which the tables share."""

import numpy as np

from kconsist.robustness.corruptions.names import CLEAN
from kconsist.robustness.reporting.summaries import SUMMARIES, get_summary


def paired_bootstrap(
    report_a, report_b, summary, resamples=2000, seed=0, level=0.95
) -> tuple[float, float, float]:
    """Returns the difference of two reports and an interval; see `compare`."""
    _check_paired(report_a, report_b, summary)
    gains = _per_image(report_b, summary) - _per_image(report_a, summary)
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for number in range(resamples):
        sample = rng.integers(0, len(gains), len(gains))
        means[number] = gains[sample].mean()
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(gains.mean()), float(low), float(high)


def _per_image(report, name):
    """Returns the summary of each image; their mean is the summary.

    The summary is linear in `report.correct` and every cell has the same
    images, so resampling these values is resampling columns of that matrix.
    """
    summary = get_summary(name)
    row = {cell: number for number, cell in enumerate(report.cells)}
    correct = report.correct[[row[cell] for cell in summary.cells]]
    accuracy = correct.mean(axis=0, dtype=np.float64)
    if summary.below_clean:
        return report.correct[row[CLEAN]] - accuracy
    return 1 - accuracy if summary.score == "error" else accuracy


def _check_paired(report_a, report_b, name):
    summary = get_summary(name)
    if summary.score not in ("accuracy", "error"):
        allowed = [
            name
            for name, other in SUMMARIES.items()
            if other.score in ("accuracy", "error")
        ]
        raise ValueError(
            f"summary must be one of accuracy or error ({allowed}), got "
            f"{name!r}"
        )
    for report in (report_a, report_b):
        report.check_cells(name)
        if report.correct is None:
            raise ValueError(
                f"the report of {report.model!r} must have `correct`, got "
                "None: keep the .hits.npy file that to_json writes"
            )
        if summary.below_clean and not report.metadata["aligned"]:
            raise ValueError(
                f"{name} can't be paired by image for {report.model!r}: its "
                "clean images are not in the order of the corrupted ones"
            )
    keys = ["fingerprint", "examples", "seed"]
    if summary.below_clean or summary.corruptions == CLEAN[:1]:
        keys.append("clean_fingerprint")
    for key in keys:
        values = [report.metadata[key] for report in (report_a, report_b)]
        if values[0] != values[1] and not _all_examples(
            key, report_a, report_b
        ):
            raise ValueError(
                "reports must be on the same images, got different "
                f"{key}: {values[0]!r} and {values[1]!r}"
            )


def _all_examples(key, *reports):
    """Returns whether the seed is irrelevant: all examples are used."""
    return key == "seed" and all(
        report.metadata["examples"] is None for report in reports
    )
