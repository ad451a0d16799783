"""Layers with state, and gradient reversal.

The state consists of Keras weights: it is saved with any model that contains
the layer, and is the same on all replicas.
"""

from kconsist.layers.class_queues import ClassQueues
from kconsist.layers.distribution_alignment import DistributionAlignment
from kconsist.layers.dynamic_thresholding import DynamicThresholding
from kconsist.layers.gradient_reversal import (
    GradientReversal,
    reverse_gradient,
)
from kconsist.layers.prediction_ensemble import PredictionEnsemble

__all__ = [
    "ClassQueues",
    "DistributionAlignment",
    "DynamicThresholding",
    "GradientReversal",
    "PredictionEnsemble",
    "reverse_gradient",
]
