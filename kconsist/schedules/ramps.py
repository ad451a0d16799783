"""Ramps: values that rise at the start of a run or fall at its end."""

import keras
from keras import ops

from kconsist import _checks
from kconsist.schedules._schedule import Schedule


@keras.saving.register_keras_serializable(package="kconsist")
class LinearRampUp(Schedule):
    """0 until step `start`, then a linear rise to `value` at step `steps`.

    Args:
        value: the final value, constant from `steps` on.
        steps: optimizer step at which the ramp ends.
        start: optimizer step at which the ramp begins (T1 in Pseudo-Label,
            whose T2 is `steps`). Defaults to `0`.

    Example:
        ```python
        from kconsist.schedules import LinearRampUp

        weight = LinearRampUp(75.0, steps=16384)  # MixMatch
        weight = LinearRampUp(3.0, steps=60_000, start=10_000)  # Pseudo-Label
        ```

    Reference: MixMatch, Berthelot et al. 2019, section 4.1; Lee 2013,
    equation 16.
    """

    def __init__(self, value: float, steps: int, start: int = 0):
        super().__init__(value, steps)
        if not 0 <= start < steps:
            raise ValueError(
                f"start must be in [0, {steps}), before the end of the ramp, "
                f"got {start!r}"
            )
        self.start = start

    def __call__(self, step):
        """Returns the value at a step."""
        elapsed = ops.cast(step, "float32") - self.start
        return self.value * ops.clip(
            elapsed / (self.steps - self.start), 0.0, 1.0
        )

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable(package="kconsist")
class SigmoidRampUp(Schedule):
    """value · exp(-5 (1 - min(t / steps, 1))²); starts at e⁻⁵ · value, not 0.

    Args:
        value: the final value.
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
        remaining = 1.0 - ops.minimum(self._progress(step), 1.0)
        return self.value * ops.exp(-5.0 * remaining * remaining)


class _RampDown(Schedule):
    """The base class of values that fall over the last `length` steps."""

    def __init__(self, value: float, steps: int, length: int):
        super().__init__(value, steps)
        _checks.positive("length", length)
        if length > steps:
            raise ValueError(
                f"length must be at most steps ({steps}), got {length}"
            )
        self.length = length

    def _remaining(self, step):
        """Returns 1 before the ramp, falling linearly to 0 at `steps`."""
        remaining = (self.steps - ops.cast(step, "float32")) / self.length
        return ops.clip(remaining, 0.0, 1.0)

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "length": self.length}


@keras.saving.register_keras_serializable(package="kconsist")
class LinearRampDown(_RampDown):
    """value · min((steps - t) / length, 1), and 0 from `steps` on.

    Args:
        value: the initial value.
        steps: number of optimizer steps of the whole run.
        length: number of steps of the ramp, at the end of the run.

    Example:
        ```python
        from kconsist.schedules import LinearRampDown

        rate = LinearRampDown(0.001, steps=48_000, length=16_000)
        ```

    Reference: VAT, Miyato et al. 2018, https://arxiv.org/abs/1704.03976.
    """

    def __call__(self, step):
        """Returns the value at a step."""
        return self.value * self._remaining(step)


@keras.saving.register_keras_serializable(package="kconsist")
class SigmoidRampDown(_RampDown):
    """value · exp(-12.5 (1 - min((steps - t) / length, 1))²); ends at e⁻¹²·⁵.

    Args:
        value: the initial value.
        steps: number of optimizer steps of the whole run.
        length: number of steps of the ramp, at the end of the run.

    Example:
        ```python
        from kconsist.schedules import SigmoidRampDown

        rate = SigmoidRampDown(0.003, steps=150_000, length=25_000)
        ```

    Reference: Laine and Aila 2017, https://arxiv.org/abs/1610.02242, section 3.
    """

    def __call__(self, step):
        """Returns the value at a step."""
        elapsed = 1.0 - self._remaining(step)
        return self.value * ops.exp(-12.5 * elapsed * elapsed)
