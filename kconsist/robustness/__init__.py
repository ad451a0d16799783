"""Evaluates the robustness of a model to the corruptions of CIFAR-10-C.

A source provides the corrupted images (`Generated`, `NpyFolder`, `TFDS`,
`Arrays`). `evaluate` runs the model on them and returns a `Report`. `compare`
compares two reports. The package is imported when it is first used as
`kconsist.robustness`.

Reference: Hendrycks and Dietterich 2019, "Benchmarking neural network
robustness to common corruptions and perturbations"
(https://arxiv.org/abs/1903.12261).
"""

from kconsist.robustness.corruptions import (
    CORRUPTIONS,
    EXTRA,
    GROUPS,
    MAIN,
    SEVERITIES,
    corrupt,
)
from kconsist.robustness.evaluator import evaluate
from kconsist.robustness.reporting import (
    SUMMARIES,
    Comparison,
    Report,
    compare,
)
from kconsist.robustness.sources import (
    TFDS,
    Arrays,
    Generated,
    NpyFolder,
    Source,
)

__all__ = [
    "CORRUPTIONS",
    "EXTRA",
    "GROUPS",
    "MAIN",
    "SEVERITIES",
    "SUMMARIES",
    "TFDS",
    "Arrays",
    "Comparison",
    "Generated",
    "NpyFolder",
    "Report",
    "Source",
    "compare",
    "corrupt",
    "evaluate",
]
