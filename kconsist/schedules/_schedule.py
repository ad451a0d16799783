"""What the schedules of a value share."""

from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kconsist import _checks


class Schedule(LearningRateSchedule):
    """A value at full strength, and the number of steps to it or over it."""

    def __init__(self, value, steps):
        _checks.weight("value", value)
        _checks.positive("steps", steps)
        super().__init__()
        self.value = value
        self.steps = steps

    def _progress(self, step):
        return ops.cast(step, "float32") / self.steps

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {"value": self.value, "steps": self.steps}
