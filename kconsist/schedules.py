"""Schedules: numbers that vary with the optimizer's step.

All are `keras.optimizers.schedules.LearningRateSchedule`, so that each serves
as a learning rate and as the weight of a loss.
"""

import math

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kconsist import checks


class _Schedule(LearningRateSchedule):
    """A value at full strength, and the number of steps to it or over it."""

    def __init__(self, value, steps):
        checks.weight("value", value)
        checks.positive("steps", steps)
        super().__init__()
        self.value = value
        self.steps = steps

    def _progress(self, step):
        return ops.cast(step, "float32") / self.steps

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {"value": self.value, "steps": self.steps}


@keras.saving.register_keras_serializable(package="kconsist")
class LinearRampUp(_Schedule):
    """value · min(t / steps, 1): 0 at first, `value` from `steps` on.

    Args:
        value: the value at the end.
        steps: number of optimizer steps of the ramp.

    Example:
        ```python
        from kconsist.schedules import LinearRampUp

        weight = LinearRampUp(75.0, steps=16384)
        ```

    Reference: MixMatch, Berthelot et al. 2019, section 4.1.
    """

    def __call__(self, step):
        """Returns the value at a step."""
        return self.value * ops.minimum(self._progress(step), 1.0)


@keras.saving.register_keras_serializable(package="kconsist")
class SigmoidRampUp(_Schedule):
    """value · exp(-5 (1 - min(t / steps, 1))²); not 0 at first, but e⁻⁵.

    Args:
        value: the value at the end.
        steps: number of optimizer steps of the ramp.

    Example:
        ```python
        from kconsist.schedules import SigmoidRampUp

        weight = SigmoidRampUp(100.0, steps=40_000)
        ```

    Reference: Laine and Aila 2017, https://arxiv.org/abs/1610.02242, section 3.
    """

    def __call__(self, step):
        """Returns the value at a step."""
        left = 1.0 - ops.minimum(self._progress(step), 1.0)
        return self.value * ops.exp(-5.0 * left * left)


@keras.saving.register_keras_serializable(package="kconsist")
class FixMatchCosine(_Schedule):
    """value · cos(7πt / (16 steps)), which ends at 0.195 of `value`.

    Args:
        value: the learning rate at first.
        steps: number of optimizer steps of the whole training (K).

    Example:
        ```python
        import keras
        from kconsist.schedules import FixMatchCosine

        optimizer = keras.optimizers.SGD(FixMatchCosine(0.03, steps=2**20))
        ```

    Reference: Sohn et al. 2020, https://arxiv.org/abs/2001.07685, section 2.3.
    """

    def __call__(self, step):
        """Returns the value at a step."""
        progress = ops.minimum(self._progress(step), 1.0)
        return self.value * ops.cos(7.0 / 16.0 * math.pi * progress)
