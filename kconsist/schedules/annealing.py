"""Annealing: a confidence ceiling, and the strength of gradient reversal."""

import math

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kconsist import _checks
from kconsist.schedules._schedule import Schedule


@keras.saving.register_keras_serializable(package="kconsist")
class TrainingSignalAnnealing(LearningRateSchedule):
    """α(1 - 1/C) + 1/C: a confidence ceiling that rises from 1/C to 1.

    With r = min(t / steps, 1), α is

    - r for `"linear"`;
    - e^(5(r - 1)) for `"exp"`, which starts at 0.007 and rises late: for few
      labels, which the model fits early;
    - 1 - e^(-5r) for `"log"`, which rises early and ends at 0.993.

    `kconsist.targets.tsa_mask` masks labeled examples above the ceiling.

    Args:
        num_classes: number of classes (C).
        steps: number of optimizer steps of the whole run (T).
        scale: `"linear"`, `"exp"` or `"log"`. Defaults to `"linear"`.

    Example:
        ```python
        from kconsist.schedules import TrainingSignalAnnealing

        ceiling = TrainingSignalAnnealing(num_classes=10, steps=1000)
        assert abs(float(ceiling(500)) - 0.55) < 1e-6
        ```

    Reference: UDA, Xie et al. 2020, https://arxiv.org/abs/1904.12848, training
    signal annealing.
    """

    def __init__(self, num_classes: int, steps: int, scale: str = "linear"):
        _checks.in_range("num_classes", num_classes, 2, math.inf)
        _checks.positive("steps", steps)
        _checks.one_of("scale", scale, ("linear", "exp", "log"))
        super().__init__()
        self.num_classes = num_classes
        self.steps = steps
        self.scale = scale

    def __call__(self, step):
        """Returns the ceiling at a step."""
        rate = ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)
        if self.scale == "exp":
            rate = ops.exp(5.0 * (rate - 1.0))
        elif self.scale == "log":
            rate = 1.0 - ops.exp(-5.0 * rate)
        chance = 1.0 / self.num_classes
        return rate * (1.0 - chance) + chance

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {
            "num_classes": self.num_classes,
            "steps": self.steps,
            "scale": self.scale,
        }


@keras.saving.register_keras_serializable(package="kconsist")
class WarmStart(Schedule):
    """2 (value - low) / (1 + e^(-slope · t / steps)) - (value - low) + low.

    Rises from `low` toward `value` without reaching it: with a slope of 1 it
    covers 46 % of the range by `steps`, and 99 % by 5.3 · `steps`.

    Args:
        value: the limit. TLL's Debiased Self-Training uses 0.1.
        steps: the step at which the exponent is -slope. TLL uses 1000.
        low: the initial value. Defaults to `0.0`.
        slope: the steepness. Defaults to `1.0`.

    Example:
        ```python
        from kconsist.schedules import WarmStart

        strength = WarmStart(0.1, steps=1000)
        assert abs(float(strength(1000)) - 0.0462) < 1e-4
        ```

    Reference: Ganin and Lempitsky 2015, https://arxiv.org/abs/1409.7495. TLL:
    `tllib.modules.grl.WarmStartGradientReverseLayer`.
    """

    def __init__(
        self, value: float, steps: int, low: float = 0.0, slope: float = 1.0
    ):
        super().__init__(value, steps)
        _checks.in_range("low", low, 0, math.inf)
        _checks.positive("slope", slope)
        self.low = low
        self.slope = slope

    def __call__(self, step):
        """Returns the value at a step."""
        height = self.value - self.low
        power = ops.exp(-self.slope * self._progress(step))
        return 2.0 * height / (1.0 + power) - height + self.low

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "low": self.low, "slope": self.slope}
