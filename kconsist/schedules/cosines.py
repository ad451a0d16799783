"""Cosine schedules over a whole run."""

import math

import keras
from keras import ops

from kconsist import _checks
from kconsist.schedules._schedule import Schedule


@keras.saving.register_keras_serializable(package="kconsist")
class FixMatchCosine(Schedule):
    """value · cos(7πt / (16 steps)), which ends at 0.195 · value.

    Args:
        value: the initial learning rate.
        steps: number of optimizer steps of the whole run (K).

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
    """Half a cosine from `value` to `end`, after a linear warm-up from 0.

    SimCLR, BYOL, SwAV and Barlow Twins use it as the learning rate, with a
    warm-up of ten epochs. BYOL also uses it as the decay of the moving average,
    from 0.996 to 1.

    Args:
        value: the value at the end of the warm-up.
        steps: number of optimizer steps of the whole run.
        warmup_steps: number of warm-up steps, less than `steps`. Defaults to
            `0`.
        end: the final value. Defaults to `0.0`.

    Example:
        ```python
        from kconsist.schedules import HalfCosine

        rate = HalfCosine(0.3, steps=100_000, warmup_steps=1_000)
        decay = HalfCosine(0.996, steps=100_000, end=1.0)
        ```

    Reference: BYOL, Grill et al. 2020, https://arxiv.org/abs/2006.07733.
    """

    def __init__(
        self, value: float, steps: int, warmup_steps: int = 0, end: float = 0.0
    ):
        super().__init__(value, steps)
        _checks.in_range("warmup_steps", warmup_steps, 0, steps - 1)
        _checks.in_range("end", end, 0, math.inf)
        self.warmup_steps = warmup_steps
        self.end = end

    def __call__(self, step):
        """Returns the value at a step."""
        step = ops.cast(step, "float32")
        progress = (step - self.warmup_steps) / (self.steps - self.warmup_steps)
        cosine = ops.cos(math.pi * ops.clip(progress, 0.0, 1.0))
        value = self.end + (self.value - self.end) * (1.0 + cosine) / 2.0
        if self.warmup_steps:
            value *= ops.minimum(step / self.warmup_steps, 1.0)
        return value

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {
            **super().get_config(),
            "warmup_steps": self.warmup_steps,
            "end": self.end,
        }
