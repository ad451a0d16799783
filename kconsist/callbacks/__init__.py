"""Callbacks: averaged weights, cluster labels, and resuming a killed run."""

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
