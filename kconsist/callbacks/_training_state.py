"""Writes and restores the state of a run.

A checkpoint has three files: Keras's own file of weights and optimizer state;
the arrays that it leaves out (seeds, metrics, state of callbacks); and the rest
as JSON.
"""

import json
import math
import pathlib

import keras
import numpy as np
import tensorflow as tf

from kconsist.callbacks import _compiled, _serialization

FILES = WEIGHTS, ARRAYS, STATE = "model.weights.h5", "state.npz", "state.json"
FORMAT = 2
START = dict(step=0, epoch=0, batch=0, stopped=False)


def write(
    path: pathlib.Path,
    model: keras.Model,
    callbacks: list,
    logs: dict,
    position: dict,
    settings: dict,
    compiled_at_start: dict,
) -> None:
    """Writes the state of a run into a folder.

    Args:
        path: the folder.
        model: compiled model inside `fit`.
        callbacks: callbacks whose state belongs to the run.
        logs: logs of the epoch that ends here, or empty.
        position: step, epoch, batch (int) and stopped (bool).
        settings: values that must stay the same to resume, encoded.
        compiled_at_start: how the model was compiled when the run started.
    """
    arrays, to_numpy = {}, keras.ops.convert_to_numpy
    metrics = model.metrics_variables if position["batch"] else []
    seeds = [to_numpy(variable) for variable in _seeds(model)]
    metrics = [to_numpy(variable) for variable in metrics]
    content = dict(
        position,
        format=FORMAT,
        settings=settings,
        compiled=[compiled_at_start, _compiled.describe(model)],
        shapes=_shapes(model),
        seeds=_serialization.encode(seeds, arrays),
        metrics=_serialization.encode(metrics, arrays),
        history=_serialization.encode(_history(model, logs, position), arrays),
        callbacks={
            name: _serialization.encode_callback(callback, arrays)
            for name, callback in _serialization.name_callbacks(
                callbacks
            ).items()
        },
    )
    model.save_weights(path / WEIGHTS)
    np.savez(path / ARRAYS, **arrays)
    (path / STATE).write_text(json.dumps(content) + "\n")


def size(model: keras.Model) -> int:
    """Returns an upper bound of the bytes that `write` writes."""
    header = 4096  # Per variable, in HDF5.
    return sum(
        math.prod(variable.shape) * tf.as_dtype(variable.dtype).size + header
        for variable in (*_variables(model), *model.metrics_variables)
    )


def first_nonfinite_weight(model: keras.Model) -> str | None:
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
    if logs and last not in epochs:  # Keras's History callback runs later.
        epochs.append(last)
        for name, value in logs.items():
            values[name] = [*values.get(name, []), value]
    return dict(epochs=epochs, values=values)


class TrainingState:
    """The state of a run that `write` wrote.

    Args:
        path: the folder.

    Attributes:
        position: dict of step, epoch, batch and stopped.
        compiled_at_start: how the model was compiled when the run started.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self._content = json.loads((path / STATE).read_text())
        if self._content.get("format") != FORMAT:
            raise ValueError(
                f"checkpoint {path} was written by another version of "
                "kconsist: resume with that version, or use another folder "
                "for a new run"
            )
        with np.load(path / ARRAYS, allow_pickle=False) as arrays:
            self._arrays = dict(arrays)
        self.position = {name: self._content[name] for name in START}
        self.compiled_at_start = self._content["compiled"][0]

    def _decode(self, name):
        return _serialization.decode(self._content[name], self._arrays)

    def check_settings(self, settings: dict) -> None:
        """Raises `ValueError` if settings differ from those of the run."""
        differences = _serialization.differences(
            self._content["settings"], settings
        )
        if differences:
            raise ValueError(
                "a run must resume with the settings of its checkpoint "
                f"{self.path}: {'; '.join(differences)}. Use another folder "
                "for a new run"
            )

    def check_model(self, model: keras.Model) -> None:
        """Raises `ValueError` if the network, optimizer or loss differs."""
        now = _compiled.describe(model)
        # A callback may have changed the learning rate since the start.
        differences = [
            _serialization.differences(before, now)
            for before in self._content["compiled"]
        ]
        if all(differences):
            raise ValueError(
                f"checkpoint {self.path} must be of the same network and "
                f"optimizer, compiled alike: {'; '.join(differences[0])}. "
                "Compile as before, or use another folder for a new run"
            )
        if model.optimizer is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        if _shapes(model) != self._content["shapes"]:
            raise ValueError(
                f"checkpoint {self.path} must be of the same network and "
                "optimizer, got another number, shape or dtype of variables"
            )

    def restore_model(self, model: keras.Model) -> None:
        """Restores the weights, the optimizers' state and the seeds."""
        model.load_weights(self.path / WEIGHTS)
        for variable, value in zip(
            _seeds(model), self._decode("seeds"), strict=True
        ):
            variable.assign(value)

    def restore_callbacks(self, callbacks: list) -> None:
        """Restores the state of callbacks."""
        named = _serialization.name_callbacks(callbacks)
        for name, callback in named.items():
            _serialization.restore_callback(
                callback, self._content["callbacks"][name], self._arrays
            )

    def restore_history(self, model: keras.Model) -> None:
        """Restores the history of a model."""
        history = self._decode("history")
        model.history.epoch = history["epochs"]
        model.history.history = history["values"]

    def add_metrics(self, model: keras.Model) -> None:
        """Adds the metrics of an epoch's first part to those of its next step.

        A stock model creates its metrics in its first step, so they can't be
        restored earlier. They are sums, so they can be added.
        """
        variables, values = model.metrics_variables, self._decode("metrics")
        if [v.shape for v in variables] != [v.shape for v in values]:
            raise ValueError(
                f"checkpoint {self.path} is within an epoch, and must be "
                "resumed with the metrics that it was compiled with"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign_add(value)


def _seeds(model):
    """Returns the variables that Keras leaves out of a file of weights."""
    saved = {id(v) for v in (*model.weights, *model.metrics_variables)}
    return [v for v in model.variables if id(v) not in saved]


def _variables(model):
    """Returns all variables of a file of weights, and the seeds."""
    variables = [*model.weights, *_seeds(model)]
    for optimizer in _compiled.optimizers(model).values():
        variables.extend(optimizer.variables)
    return variables


def _shapes(model):
    return [[list(v.shape), v.dtype] for v in _variables(model)]
