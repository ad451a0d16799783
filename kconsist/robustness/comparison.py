"""Is one model better than another, or is it the choice of test images?

Both models answered the same images, so the difference is bootstrapped over
images, the same ones for both and for all cells: a paired interval.

Reference: Efron and Tibshirani 1993, "An introduction to the bootstrap",
chapter 13 (percentile intervals).
"""

from typing import NamedTuple

import numpy as np

from kconsist import _checks
from kconsist.data.inputs import whole_number
from kconsist.robustness import summaries
from kconsist.robustness.report import CLEAN, Report


class Comparison(NamedTuple):
    """A difference of two reports' summaries and its interval."""

    difference: float
    low: float
    high: float


def compare(
    report_a: Report,
    report_b: Report,
    summary: str = "mean_accuracy_19_severity_5",
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Returns what `report_b` has more than `report_a`, with an interval.

    The interval is that of the test images alone: it says nothing of how much
    either model would change by being trained again.

    Args:
        report_a: the baseline's report.
        report_b: another model's, on the same images.
        summary: a summary of accuracies or errors. Defaults to
            `"mean_accuracy_19_severity_5"`.
        resamples: number of bootstrap samples. Defaults to `2000`.
        seed: seed of the samples. Defaults to `0`.
        level: how likely the interval holds the difference. Defaults to
            `0.95`.

    Returns:
        `(difference, low, high)`, b minus a, on the summary's own scale.

    Raises:
        ValueError: reports of different images, without hits, or without the
            cells that the summary needs; a summary that is no mean of hits.

    Example:
        ```python
        import numpy as np
        from kconsist import models
        from kconsist.robustness import Arrays, compare, evaluate

        images, labels = np.zeros((10, 32, 32, 3), "uint8"), np.arange(10)
        source = Arrays({("fog", 5): images}, labels, clean=(images, labels))
        a, b = (
            evaluate(
                models.WideResNet(10, 1),
                source,
                corruptions=["fog"],
                severities=[5],
                batch_size=10,
                verbose=0,
            )
            for _ in range(2)
        )
        difference, low, high = compare(a, b, "clean_accuracy")
        assert low <= difference <= high
        ```
    """
    resamples = whole_number("resamples", resamples)
    seed = whole_number("seed", seed, 0)
    _checks.in_range("level", level, 0, 1)
    _check_paired(report_a, report_b, summary)
    gains = _per_image(report_b, summary) - _per_image(report_a, summary)
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for number in range(resamples):
        drawn = rng.integers(0, len(gains), len(gains))
        means[number] = gains[drawn].mean()
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Comparison(float(gains.mean()), float(low), float(high))


def _per_image(report, name):
    """Returns each image's share of a summary, whose mean it is.

    The summary is linear in the hits and every cell has the same images, so
    drawing images from this is drawing columns of the matrix of hits.
    """
    summary = summaries.find(name)
    place = {cell: number for number, cell in enumerate(report.cells)}
    chosen = report.hits[[place[cell] for cell in summary.cells]]
    share = chosen.mean(axis=0, dtype=np.float64)
    if summary.below_clean:
        return report.hits[place[CLEAN]] - share
    return 1 - share if summary.score == "error" else share


def _check_paired(report_a, report_b, name):
    summary = summaries.find(name)
    if summary.score not in ("accuracy", "error"):
        linear = [
            name
            for name, other in summaries.SUMMARIES.items()
            if other.score in ("accuracy", "error")
        ]
        raise ValueError(
            f"compare needs a summary of accuracy or error ({linear}), got "
            f"{name!r}"
        )
    for report in (report_a, report_b):
        report.check_cells(name)
        if report.hits is None:
            raise ValueError(
                f"compare needs the hits of {report.model!r}, which are not "
                "there: keep the file that to_json writes beside the report"
            )
        if summary.below_clean and not report.about["aligned"]:
            raise ValueError(
                f"{name} can't be paired by image for {report.model!r}: its "
                "clean images are in another order than the corrupted ones"
            )
    same = ["fingerprint", "examples", "seed"]
    if summary.below_clean or summary.corruptions == CLEAN[:1]:
        same.append("clean_fingerprint")
    for key in same:
        found = [report.about[key] for report in (report_a, report_b)]
        if found[0] != found[1] and not _all_examples(key, report_a, report_b):
            raise ValueError(
                "compare needs two reports on the same images, got different "
                f"{key}: {found[0]!r} and {found[1]!r}"
            )


def _all_examples(key, *reports):
    """Whether the seed of the choice has nothing to choose."""
    return key == "seed" and all(
        report.about["examples"] is None for report in reports
    )
