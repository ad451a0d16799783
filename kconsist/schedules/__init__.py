"""Schedules: numbers that vary with the optimizer's step.

All are `keras.optimizers.schedules.LearningRateSchedule`, so that each serves
as a learning rate and as the weight of a loss.
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
