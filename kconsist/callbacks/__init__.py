"""Callbacks: averaged weights, clusters as labels, resuming after a kill.

Each has a file of its own; `checkpoints`, `snapshot` and `state` are the files
of `Resume`.
"""

from kconsist.callbacks.cluster_labels import ClusterLabels
from kconsist.callbacks.resume import Resume
from kconsist.callbacks.stochastic_weight_averaging import (
    StochasticWeightAveraging,
    estimate_batch_norm,
)

__all__ = [
    "ClusterLabels",
    "Resume",
    "StochasticWeightAveraging",
    "estimate_batch_norm",
]
