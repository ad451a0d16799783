"""Compares two models with a paired bootstrap over the test images.

Both models were evaluated on the same images. Each bootstrap sample uses the
same images for both models and all cells, so the interval is paired.

Reference: Efron and Tibshirani 1993, "An introduction to the bootstrap",
chapter 13 (percentile intervals).
"""

from typing import NamedTuple

from kconsist import _checks
from kconsist.robustness.reporting._bootstrap import paired_bootstrap
from kconsist.robustness.reporting.report import Report


class Comparison(NamedTuple):
    """The difference between two models, with a confidence interval.

    Attributes:
        difference: float, the second model's summary minus the first one's.
        low: float, lower end of the interval.
        high: float, upper end of the interval.
    """

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
    """Returns the difference between two models, with a bootstrap interval.

    The interval accounts for the choice of test images only, not for the
    variance of training with another seed.

    Args:
        report_a: report of the baseline.
        report_b: report of another model on the same images.
        summary: name of a summary of accuracy or error. Defaults to
            `"mean_accuracy_19_severity_5"`.
        resamples: number of bootstrap samples. Defaults to `2000`.
        seed: seed of the bootstrap. Defaults to `0`.
        level: confidence level of the interval. Defaults to `0.95`.

    Returns:
        `Comparison` `(difference, low, high)`, b minus a, in the unit of the
        summary.

    Raises:
        ValueError: reports on different images, without `correct`, or without
            the cells of the summary; a summary of another score than accuracy
            or error.

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
    resamples = _checks.as_integer("resamples", resamples)
    seed = _checks.as_integer("seed", seed, 0)
    _checks.in_range("level", level, 0, 1)
    return Comparison(
        *paired_bootstrap(report_a, report_b, summary, resamples, seed, level)
    )
