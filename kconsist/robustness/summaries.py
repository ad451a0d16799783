"""Single numbers for a whole report, each under a name that says its cells.

One model has several "mean accuracies": over 15 or 19 corruptions, at all
severities or the fifth alone. They differ by points, so each has its own name
here, and none is computed from fewer cells than its name says.

Reference: Hendrycks and Dietterich 2019, section 4 (corruption error, here
un-normalized as is the convention for CIFAR-10-C); the Keras example
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


class Summary(NamedTuple):
    """The mean of one score over a set of cells.

    Attributes:
        score: str, the column.
        corruptions: tuple of names.
        severities: tuple of ints.
        words: str, what it is, for tables.
        below_clean: bool, clean accuracy minus the mean, and not the mean.
    """

    score: str
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]
    words: str
    below_clean: bool = False

    @property
    def cells(self) -> list[tuple[str, int]]:
        """The (corruption, severity) pairs that it is the mean of."""
        return [
            (name, severity)
            for name in self.corruptions
            for severity in self.severities
        ]


def _both(name, corruptions, words):
    """The mean accuracy over all severities, and over the fifth alone."""
    every = Summary(
        "accuracy", corruptions, SEVERITIES, f"{words}, severities 1 to 5"
    )
    fifth = Summary("accuracy", corruptions, (5,), f"{words}, severity 5")
    return {name: every, f"{name}_severity_5": fifth}


def _groups():
    found = {}
    for group, names in GROUPS.items():
        found |= _both(
            f"mean_accuracy_{group}_{len(names)}",
            names,
            f"accuracy, {group} ({len(names)} types)",
        )
    return found


_FIFTEEN = "15 corruptions, severities 1 to 5"

SUMMARIES = {
    "clean_accuracy": Summary(
        "accuracy", ("clean",), (0,), "accuracy, clean images"
    ),
    **_both("mean_accuracy_15", MAIN, "accuracy, 15 corruptions"),
    **_both("mean_accuracy_19", CORRUPTIONS, "accuracy, 19 corruptions"),
    **_both("mean_accuracy_extra_4", EXTRA, "accuracy, 4 extra corruptions"),
    **_groups(),
    "mean_corruption_error": Summary(
        "error", MAIN, SEVERITIES, f"error (un-normalized), {_FIFTEEN}"
    ),
    "gap_to_clean": Summary(
        "accuracy", MAIN, SEVERITIES, f"clean accuracy minus {_FIFTEEN}", True
    ),
    "mean_disagreement": Summary(
        "disagreement", MAIN, SEVERITIES, f"answer not as on clean, {_FIFTEEN}"
    ),
    "mean_nll_15": Summary(
        "nll", MAIN, SEVERITIES, f"negative log-likelihood (nats), {_FIFTEEN}"
    ),
    "mean_ece_15": Summary(
        "ece", MAIN, SEVERITIES, f"calibration error (ECE), {_FIFTEEN}"
    ),
    "mean_rms_calibration_15": Summary(
        "rms_calibration", MAIN, SEVERITIES, f"calibration (RMS), {_FIFTEEN}"
    ),
}


def find(name: str) -> Summary:
    """Returns a summary, or raises `ValueError` for an unknown name."""
    if name not in SUMMARIES:
        raise ValueError(
            f"summary must be one of {list(SUMMARIES)}, got {name!r}"
        )
    return SUMMARIES[name]


def missing(summary: Summary, cells) -> list[tuple[str, int]]:
    """Returns the cells that a summary needs and that are not in `cells`."""
    needed = summary.cells
    if summary.below_clean:
        needed = [("clean", 0), *needed]
    return [cell for cell in needed if cell not in cells]
