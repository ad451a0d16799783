"""Summaries: scalar results, each named after the cells that it averages.

There are several "mean accuracies" of a model: over 15 or 19 corruptions, over
all severities or severity 5 only. They differ by several points, so each has a
name of its own, and none is computed unless all of its cells were evaluated.

Reference: Hendrycks and Dietterich 2019, section 4 (corruption error, here
unnormalized as is the convention for CIFAR-10-C); the Keras example
"Consistency training with supervision" (19 corruptions at severity 5).
"""

from typing import NamedTuple

from kconsist.robustness.corruptions import (
    CORRUPTIONS,
    EXTRA,
    GROUPS,
    MAIN,
    SEVERITIES,
)
from kconsist.robustness.corruptions.names import CLEAN


class Summary(NamedTuple):
    """The mean of one score over a set of cells.

    Attributes:
        score: str, the column that is averaged.
        corruptions: tuple of names.
        severities: tuple of ints.
        description: str, for tables.
        below_clean: bool, whether the summary is the clean score minus the
            mean rather than the mean.
    """

    score: str
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]
    description: str
    below_clean: bool = False

    @property
    def cells(self) -> list[tuple[str, int]]:
        """The (corruption, severity) pairs that the mean is taken over."""
        return [
            (name, severity)
            for name in self.corruptions
            for severity in self.severities
        ]


def _mean_accuracies(name, corruptions, description):
    """Returns mean accuracies over all severities, and over severity 5."""
    all_severities = Summary(
        "accuracy",
        corruptions,
        SEVERITIES,
        f"{description}, severities 1 to 5",
    )
    severity_5 = Summary(
        "accuracy", corruptions, (5,), f"{description}, severity 5"
    )
    return {name: all_severities, f"{name}_severity_5": severity_5}


def _group_accuracies():
    summaries = {}
    for group, names in GROUPS.items():
        summaries |= _mean_accuracies(
            f"mean_accuracy_{group}_{len(names)}",
            names,
            f"accuracy, {group} ({len(names)} corruptions)",
        )
    return summaries


_FIFTEEN = "15 corruptions, severities 1 to 5"

SUMMARIES = {
    "clean_accuracy": Summary(
        "accuracy", ("clean",), (0,), "accuracy, clean images"
    ),
    **_mean_accuracies("mean_accuracy_15", MAIN, "accuracy, 15 corruptions"),
    **_mean_accuracies(
        "mean_accuracy_19", CORRUPTIONS, "accuracy, 19 corruptions"
    ),
    **_mean_accuracies(
        "mean_accuracy_extra_4", EXTRA, "accuracy, 4 extra corruptions"
    ),
    **_group_accuracies(),
    "mean_corruption_error": Summary(
        "error", MAIN, SEVERITIES, f"error (unnormalized), {_FIFTEEN}"
    ),
    "gap_to_clean": Summary(
        "accuracy",
        MAIN,
        SEVERITIES,
        f"clean accuracy minus accuracy, {_FIFTEEN}",
        True,
    ),
    "mean_disagreement": Summary(
        "disagreement",
        MAIN,
        SEVERITIES,
        f"disagreement with clean prediction, {_FIFTEEN}",
    ),
    "mean_nll_15": Summary(
        "nll", MAIN, SEVERITIES, f"negative log-likelihood (nats), {_FIFTEEN}"
    ),
    "mean_ece_15": Summary(
        "ece", MAIN, SEVERITIES, f"calibration error (ECE), {_FIFTEEN}"
    ),
    "mean_rms_calibration_15": Summary(
        "rms_calibration",
        MAIN,
        SEVERITIES,
        f"calibration error (RMS), {_FIFTEEN}",
    ),
}


def get_summary(name: str) -> Summary:
    """Returns the summary of a name.

    Raises:
        ValueError: an unknown name.
    """
    if name not in SUMMARIES:
        raise ValueError(
            f"summary must be one of {list(SUMMARIES)}, got {name!r}"
        )
    return SUMMARIES[name]


def missing_cells(summary: Summary, cells) -> list[tuple[str, int]]:
    """Returns the cells that a summary requires and `cells` lacks."""
    required = summary.cells
    if summary.below_clean:
        required = [CLEAN, *required]
    return [cell for cell in required if cell not in cells]
