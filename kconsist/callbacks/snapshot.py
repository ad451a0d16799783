"""Everything that a run needs to go on from a step, in three files.

Keras's own file of weights, with the optimizer's state in it; what that leaves
out (seeds, metrics, arrays of callbacks) as arrays; the rest as JSON.
"""

import json
import math

import keras
import numpy as np
import tensorflow as tf

from kconsist.callbacks import compiled, state

FILES = WEIGHTS, ARRAYS, STATE = "model.weights.h5", "state.npz", "state.json"
FORMAT = 2
START = dict(step=0, epoch=0, batch=0, stopped=False)


def write(
    path, model, callbacks, logs, position: dict, settings, began
) -> None:
    """Writes the state of a run into a folder.

    Args:
        path: `pathlib.Path`, a folder.
        model: compiled `keras.Model` inside `fit`.
        callbacks: list of callbacks whose state belongs to the run.
        logs: dict of float, those of an epoch that ends here, else empty.
        position: dict of int and bool: step, epoch, batch, stopped.
        settings: what must be the same, encoded.
        began: how the model was compiled when the run began.
    """
    arrays, read = {}, keras.ops.convert_to_numpy
    metrics = model.metrics_variables if position["batch"] else []
    found = dict(
        position,
        format=FORMAT,
        settings=settings,
        compiled=[began, compiled.describe(model)],
        shapes=_shapes(model),
        seeds=state.encode([read(v) for v in _seeds(model)], arrays),
        metrics=state.encode([read(v) for v in metrics], arrays),
        history=state.encode(_history(model, logs, position), arrays),
        callbacks={
            name: state.of_callback(callback, arrays)
            for name, callback in state.by_name(callbacks).items()
        },
    )
    model.save_weights(path / WEIGHTS)
    np.savez(path / ARRAYS, **arrays)
    (path / STATE).write_text(json.dumps(found) + "\n")


def size(model) -> int:
    """Returns the bytes that `write` takes, rounded up."""
    header = 4096  # Of each variable, in HDF5.
    return sum(
        math.prod(variable.shape) * tf.as_dtype(variable.dtype).size + header
        for variable in (*_variables(model), *model.metrics_variables)
    )


def weight_not_finite(model) -> str | None:
    """Returns the path of the first weight with NaN or infinity, or `None`."""
    for weight in model.weights:
        is_float = keras.backend.is_float_dtype(weight.dtype)
        value = keras.ops.convert_to_numpy(weight)
        if is_float and not np.isfinite(value).all():
            return weight.path
    return None


def _history(model, logs, position):
    epochs = list(model.history.epoch)
    values = dict(model.history.history)
    last = position["epoch"] - 1
    if logs and last not in epochs:  # Keras's own callback comes after this.
        epochs.append(last)
        for name, value in logs.items():
            values[name] = [*values.get(name, []), value]
    return dict(epochs=epochs, values=values)


class Snapshot:
    """What `write` wrote.

    Args:
        path: `pathlib.Path`, its folder.

    Attributes:
        position: dict of step, epoch, batch and stopped.
        began: how the model was compiled when the run began.
    """

    def __init__(self, path):
        self.path = path
        self._found = json.loads((path / STATE).read_text())
        if self._found.get("format") != FORMAT:
            raise ValueError(
                f"checkpoint {path} was written by another version of "
                "kconsist: resume with that one, or give another folder for a "
                "new run"
            )
        with np.load(path / ARRAYS, allow_pickle=False) as arrays:
            self._arrays = dict(arrays)
        self.position = {name: self._found[name] for name in START}
        self.began = self._found["compiled"][0]

    def _get(self, name):
        return state.decode(self._found[name], self._arrays)

    def check_settings(self, settings) -> None:
        """Raises `ValueError` for others than those of the run."""
        differ = state.differences(self._found["settings"], settings)
        if differ:
            raise ValueError(
                "a run must resume with the settings of its checkpoint "
                f"{self.path}: {'; '.join(differ)}. Give another folder for a "
                "new run"
            )

    def check_model(self, model) -> None:
        """Raises `ValueError` for another network, optimizer or loss."""
        here = compiled.describe(model)
        # A callback may have changed the learning rate since the beginning.
        differ = [state.differences(c, here) for c in self._found["compiled"]]
        if all(differ):
            raise ValueError(
                f"checkpoint {self.path} must be of the same network and "
                f"optimizer, compiled alike: {'; '.join(differ[0])}. Compile "
                "as before, or give another folder for a new run"
            )
        if model.optimizer is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        if _shapes(model) != self._found["shapes"]:
            raise ValueError(
                f"checkpoint {self.path} must be of the same network and "
                "optimizer, got another number, shape or dtype of variables"
            )

    def restore_model(self, model) -> None:
        """Gives a model its weights, its optimizers' state and its seeds."""
        model.load_weights(self.path / WEIGHTS)
        for variable, value in zip(
            _seeds(model), self._get("seeds"), strict=True
        ):
            variable.assign(value)

    def restore_callbacks(self, callbacks) -> None:
        """Gives callbacks their state."""
        for name, callback in state.by_name(callbacks).items():
            state.give_callback(
                callback, self._found["callbacks"][name], self._arrays
            )

    def restore_history(self, model) -> None:
        """Gives a model its history."""
        history = self._get("history")
        model.history.epoch = history["epochs"]
        model.history.history = history["values"]

    def add_metrics(self, model) -> None:
        """Adds those of an epoch's first part to those of the step after it.

        A stock model's metrics are made in its first step, so they can not be
        given before; they are sums.
        """
        variables, values = model.metrics_variables, self._get("metrics")
        if [v.shape for v in variables] != [v.shape for v in values]:
            raise ValueError(
                f"checkpoint {self.path} is within an epoch, and must be "
                "resumed with the metrics that it was compiled with"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign_add(value)


def _seeds(model):
    """Returns the variables that Keras leaves out of a file of weights."""
    others = {id(v) for v in (*model.weights, *model.metrics_variables)}
    return [v for v in model.variables if id(v) not in others]


def _variables(model):
    """Returns all that a file of weights holds, and the seeds."""
    found = [*model.weights, *_seeds(model)]
    for optimizer in compiled.optimizers(model).values():
        found.extend(optimizer.variables)
    return found


def _shapes(model):
    return [[list(v.shape), v.dtype] for v in _variables(model)]
