"""Cosines: values that fall over a whole training."""

import math

import keras
from keras import ops

from kconsist import _checks
from kconsist.schedules._schedule import Schedule


@keras.saving.register_keras_serializable(package="kconsist")
class FixMatchCosine(Schedule):
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


@keras.saving.register_keras_serializable(package="kconsist")
class HalfCosine(Schedule):
    """From `value` to `end` by half a cosine, after a linear warm-up from 0.

    As a learning rate: SimCLR, BYOL, SwAV and Barlow Twins, the warm-up ten
    epochs long. As the decay of an average: BYOL's 0.996 to 1.

    Args:
        value: the value at the end of the warm-up.
        steps: number of optimizer steps of the whole training.
        warmup_steps: steps of the warm-up, fewer than `steps`. Defaults to `0`.
        end: the value at the end. Defaults to `0.0`.

    Example:
        ```python
        from kconsist.schedules import HalfCosine

        rate = HalfCosine(0.3, steps=100_000, warmup_steps=1_000)
        decay = HalfCosine(0.996, steps=100_000, end=1.0)
        ```

    Reference: BYOL, Grill et al. 2020, https://arxiv.org/abs/2006.07733.
    """

    def __init__(self, value, steps, warmup_steps=0, end=0.0):
        super().__init__(value, steps)
        _checks.in_range("warmup_steps", warmup_steps, 0, steps - 1)
        _checks.in_range("end", end, 0, math.inf)
        self.warmup_steps = warmup_steps
        self.end = end

    def __call__(self, step):
        """Returns the value at a step."""
        step = ops.cast(step, "float32")
        rest = (step - self.warmup_steps) / (self.steps - self.warmup_steps)
        cosine = ops.cos(math.pi * ops.clip(rest, 0.0, 1.0))
        value = self.end + (self.value - self.end) * (1.0 + cosine) / 2.0
        if self.warmup_steps:
            value *= ops.minimum(step / self.warmup_steps, 1.0)
        return value

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "warmup_steps": self.warmup_steps,
            "end": self.end,
        }
