"""The judge: how robust a model is to the corruptions of CIFAR-10-C.

A source has the corrupted images (`Generated`, `NpyFolder`, `TFDS`, `Arrays`),
`evaluate` asks the model about them, and a `Report` holds what came out;
`compare` tells two reports apart. Import it by name: `import kconsist` alone
does not.

Reference: Hendrycks and Dietterich 2019, "Benchmarking neural network
robustness to common corruptions and perturbations"
(https://arxiv.org/abs/1903.12261).
"""

from kconsist.robustness.comparison import Comparison, compare
from kconsist.robustness.corruptions import (
    CORRUPTIONS,
    EXTRA,
    GROUPS,
    MAIN,
    SEVERITIES,
    corrupt,
)
from kconsist.robustness.evaluator import evaluate
from kconsist.robustness.generated import Generated
from kconsist.robustness.npy_folder import NpyFolder
from kconsist.robustness.report import Report
from kconsist.robustness.sources import Arrays, Source
from kconsist.robustness.summaries import SUMMARIES
from kconsist.robustness.tfds import TFDS

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
