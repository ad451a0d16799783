"""Losses that Keras lacks: `keras.losses.Loss`, one value per example.

Losses that PyTorch-TLL also has keep its names and argument order. Each class
documents which arguments receive the gradient and which serve as targets.
"""

from kconsist.losses.class_balance import ClassBalanceLoss
from kconsist.losses.confidence_based_self_training import (
    ConfidenceBasedSelfTrainingLoss,
)
from kconsist.losses.consistency import ConsistencyLoss, L2ConsistencyLoss
from kconsist.losses.entropy import EntropyLoss
from kconsist.losses.kl_divergence import LogitsKLDivergence
from kconsist.losses.minimum_class_confusion import MinimumClassConfusionLoss
from kconsist.losses.smoothed_cross_entropy import SmoothedCrossEntropy
from kconsist.losses.soft_cross_entropy import SoftCrossEntropyLoss
from kconsist.losses.soft_triplet import SoftTripletLoss
from kconsist.losses.strong_weak_consistency import StrongWeakConsistencyLoss
from kconsist.losses.worst_case_estimation import WorstCaseEstimationLoss

__all__ = [
    "ClassBalanceLoss",
    "ConfidenceBasedSelfTrainingLoss",
    "ConsistencyLoss",
    "EntropyLoss",
    "L2ConsistencyLoss",
    "LogitsKLDivergence",
    "MinimumClassConfusionLoss",
    "SmoothedCrossEntropy",
    "SoftCrossEntropyLoss",
    "SoftTripletLoss",
    "StrongWeakConsistencyLoss",
    "WorstCaseEstimationLoss",
]
