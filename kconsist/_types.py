"""Type aliases of arguments."""

from keras.optimizers import Optimizer
from keras.optimizers.schedules import LearningRateSchedule

FloatOrSchedule = float | LearningRateSchedule
# An optimizer, its name, or its configuration.
OptimizerLike = Optimizer | str | dict
