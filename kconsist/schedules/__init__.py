"""Schedules: values that depend on the optimizer step.

Each is a `keras.optimizers.schedules.LearningRateSchedule`, for use as a
learning rate or as the weight of a loss.
"""

from kconsist.schedules.annealing import TrainingSignalAnnealing, WarmStart
from kconsist.schedules.cosines import FixMatchCosine, HalfCosine
from kconsist.schedules.ramps import (
    LinearRampDown,
    LinearRampUp,
    SigmoidRampDown,
    SigmoidRampUp,
)

__all__ = [
    "FixMatchCosine",
    "HalfCosine",
    "LinearRampDown",
    "LinearRampUp",
    "SigmoidRampDown",
    "SigmoidRampUp",
    "TrainingSignalAnnealing",
    "WarmStart",
]
