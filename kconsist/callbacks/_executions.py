"""Checks that steps can be counted at the end of each execution."""

import keras


def check_executions(callback: keras.callbacks.Callback) -> None:
    """Raises `ValueError` unless an epoch is a whole number of executions.

    Keras calls callbacks once per execution of `steps_per_execution` steps,
    and does not indicate whether the last execution of an epoch is shorter.

    Args:
        callback: a callback inside `fit`.
    """
    steps = callback.model.steps_per_execution
    epoch = callback.params["steps"]
    if steps > 1 and (epoch is None or epoch % steps):
        raise ValueError(
            f"{type(callback).__name__} requires steps_per_epoch to be a "
            f"multiple of steps_per_execution={steps}, got {epoch}: pass such "
            "a steps_per_epoch to fit, with batches.repeat()"
        )
