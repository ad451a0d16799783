"""Everything that a run needs to go on from a step, in three files.

Keras's own file of weights, with the optimizer's state in it; what that leaves
out (seeds, metrics, arrays of callbacks) as arrays; the rest as JSON.
"""

import json
import math

import keras
import numpy as np
import tensorflow as tf

from kconsist.callbacks import state

WEIGHTS, ARRAYS, STATE = "model.weights.h5", "state.npz", "state.json"


def write(path, model, callbacks, logs, position: dict, settings) -> None:
    """Writes the state of a run into a folder.

    Args:
        path: `pathlib.Path`, a folder.
        model: compiled `keras.Model` inside `fit`.
        callbacks: list of callbacks whose state belongs to the run.
        logs: dict of float, those of an epoch that ends here, else empty.
        position: dict of int and bool: step, epoch, batch, stopped.
        settings: what must be the same, encoded.
    """
    arrays, read = {}, keras.ops.convert_to_numpy
    metrics = model.metrics_variables if position["batch"] else []
    found = dict(
        position,
        settings=settings,
        shapes=_shapes(model),
        seeds=state.encode([read(v) for v in _seeds(model)], arrays),
        metrics=state.encode([read(v) for v in metrics], arrays),
        history=state.encode(_history(model, logs, position), arrays),
        callbacks=[state.of_callback(each, arrays) for each in callbacks],
    )
    model.save_weights(path / WEIGHTS)
    np.savez(path / ARRAYS, **arrays)
    (path / STATE).write_text(json.dumps(found) + "\n")


def size(model) -> int:
    """Returns the bytes that `write` takes, rounded up."""
    variables = {id(v): v for v in model.variables}
    variables |= {id(v): v for v in model.optimizer.variables}
    header = 4096  # Of each variable, in HDF5.
    return sum(
        math.prod(variable.shape) * tf.as_dtype(variable.dtype).size + header
        for variable in variables.values()
    )


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
        settings: what must be the same, encoded.
    """

    def __init__(self, path):
        self.path = path
        self._found = json.loads((path / STATE).read_text())
        with np.load(path / ARRAYS, allow_pickle=False) as arrays:
            self._arrays = dict(arrays)
        names = ("step", "epoch", "batch", "stopped")
        self.position = {name: self._found[name] for name in names}
        self.settings = self._found["settings"]

    def _get(self, name):
        return state.decode(self._found[name], self._arrays)

    def restore_model(self, model) -> None:
        """Gives a model its weights, its optimizer's state and its seeds."""
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        if _shapes(model) != self._found["shapes"]:
            raise ValueError(
                f"checkpoint {self.path} must be of the same network and "
                "optimizer, got another number, shape or dtype of variables"
            )
        model.load_weights(self.path / WEIGHTS)
        for variable, value in zip(
            _seeds(model), self._get("seeds"), strict=True
        ):
            variable.assign(value)

    def restore_callbacks(self, callbacks) -> None:
        """Gives callbacks their state."""
        for callback, found in zip(
            callbacks, self._found["callbacks"], strict=True
        ):
            state.give_callback(callback, found, self._arrays)

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
        for variable, value in zip(
            model.metrics_variables, self._get("metrics"), strict=True
        ):
            variable.assign_add(value)


def _seeds(model):
    """Returns the variables that Keras leaves out of a file of weights."""
    others = {id(v) for v in (*model.weights, *model.metrics_variables)}
    return [v for v in model.variables if id(v) not in others]


def _shapes(model):
    variables = *model.weights, *model.optimizer.variables
    return [[list(v.shape), v.dtype] for v in variables]
