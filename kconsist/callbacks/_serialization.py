"""Encodes the plain state of callbacks and runs as JSON and arrays."""

import collections
import inspect
import math

import keras
import numpy as np

_KERAS_ATTRIBUTES = ("params", "_model", "validation_data")


class NotPlainError(Exception):
    """A value is not a number, string, array, or list or dict of them."""


def encode(value, arrays: dict):
    """Returns a value that JSON can store; arrays go to `arrays` by number.

    Args:
        value: number, string, array, `None`, or lists and dicts of them.
        arrays: dict that receives the arrays.

    Raises:
        NotPlainError: the value, or one inside it, is something else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        if value.dtype.kind == "V":  # bfloat16, which NumPy can't read.
            value = value.astype("float32")
        arrays[str(len(arrays))] = value
        return {"array": str(len(arrays) - 1)}
    if isinstance(value, list | tuple):
        return [encode(item, arrays) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        items = {key: encode(item, arrays) for key, item in value.items()}
        return {"dict": items}
    if isinstance(value, dict):
        raise NotPlainError("dict with keys that are not strings")
    raise NotPlainError(type(value).__name__)


def decode(value, arrays: dict):
    """Returns the value that `encode` encoded, with tuples as lists."""
    if isinstance(value, list):
        return [decode(item, arrays) for item in value]
    if isinstance(value, dict) and "array" in value:
        return np.asarray(arrays[value["array"]])
    if isinstance(value, dict):
        items = value["dict"].items()
        return {key: decode(item, arrays) for key, item in items}
    return value


def name_callbacks(callbacks: list) -> dict:
    """Returns callbacks by class name, with a number if a class repeats."""
    named, counts = {}, collections.Counter()
    for callback in callbacks:
        name = type(callback).__name__
        counts[name] += 1
        suffix = f"_{counts[name]}" if counts[name] > 1 else ""
        named[name + suffix] = callback
    return named


def encode_callback(callback: keras.callbacks.Callback, arrays: dict) -> dict:
    """Returns the plain attributes of a callback, encoded."""
    attributes = {
        name: value
        for name, value in vars(callback).items()
        if name not in _KERAS_ATTRIBUTES
    }
    if _negates_min_delta(callback):
        del attributes["min_delta"]
    return _encode_plain(attributes, arrays)


def restore_callback(
    callback: keras.callbacks.Callback, state: dict, arrays: dict
) -> None:
    """Sets the attributes of a callback that `encode_callback` encoded."""
    for name, value in state.items():
        setattr(callback, name, decode(value, arrays))


def encode_settings(settings: dict, callbacks: list) -> dict:
    """Returns the values that must stay the same to resume a run, encoded.

    Args:
        settings: dict of plain values, no arrays.
        callbacks: list of callbacks. Their plain constructor arguments are
            included if they are stored under the arguments' names.

    Raises:
        ValueError: a value is not plain.
    """
    arrays = {}
    try:
        if not isinstance(settings, dict):
            raise NotPlainError(type(settings).__name__)
        settings = encode(settings, arrays)["dict"]
    except NotPlainError as error:
        raise ValueError(
            "settings must be a dict of numbers, strings, lists and dicts, "
            f"got a {error}"
        ) from error
    if arrays:
        raise ValueError(
            "settings must not contain arrays, got one: pass "
            "data.digest(array) instead"
        )
    named = name_callbacks(callbacks).items()
    return {
        "settings": settings,
        "callbacks": {
            name: _encode_arguments(callback) for name, callback in named
        },
    }


def _encode_arguments(callback):
    names = inspect.signature(type(callback)).parameters
    attributes = {
        name: value for name, value in vars(callback).items() if name in names
    }
    if _negates_min_delta(callback) and "min_delta" in attributes:
        attributes["min_delta"] = abs(attributes["min_delta"])
    return _encode_plain(attributes, {})


def _negates_min_delta(callback):
    """Returns whether Keras may change min_delta's sign in the first epoch."""
    return {"monitor_op", "min_delta"} <= vars(callback).keys()


def _encode_plain(values, arrays):
    """Returns the values that can be encoded; leaves out the others."""
    encoded = {}
    for name, value in sorted(values.items()):
        try:
            encode(value, {})
        except NotPlainError:
            continue
        encoded[name] = encode(value, arrays)
    return encoded


def differences(before, now, name: str = "") -> list[str]:
    """Returns one sentence for each difference of two encoded values."""
    if isinstance(before, dict) and isinstance(now, dict):
        old_class, new_class = before.get("class_name"), now.get("class_name")
        if old_class != new_class:
            return [f"{name} is {new_class}, was {old_class}"]
        return [
            sentence
            for key in sorted({*before, *now})
            for sentence in differences(
                before.get(key), now.get(key), f"{name}.{key}".lstrip(".")
            )
        ]
    same = before == now or (_is_nan(before) and _is_nan(now))
    return [] if same else [f"{name} is {now!r}, was {before!r}"]


def _is_nan(value):
    return isinstance(value, float) and math.isnan(value)
