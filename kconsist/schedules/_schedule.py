"""The base class of schedules of a value."""

from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kconsist import _checks


class Schedule(LearningRateSchedule):
    """Stores the full value and the number of steps of the schedule."""

    def __init__(self, value: float, steps: int):
        _checks.weight("value", value)
        _checks.positive("steps", steps)
        super().__init__()
        self.value = value
        self.steps = steps

    def _progress(self, step):
        return ops.cast(step, "float32") / self.steps

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {"value": self.value, "steps": self.steps}
