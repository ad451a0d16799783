"""What of a callback, or of a run, is plain enough to be written down."""

import collections
import inspect
import math

import keras
import numpy as np

_KERAS_OWN = ("params", "_model", "validation_data")


class NotPlain(Exception):
    """A value that is no number, string, array, or list or dict of them."""


def encode(value, arrays: dict):
    """Returns a value as JSON can hold it; arrays go to `arrays` by number.

    Raises:
        NotPlain: the value, or one inside it, is something else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        if value.dtype.kind == "V":  # bfloat16, which NumPy can not read.
            value = value.astype("float32")
        arrays[str(len(arrays))] = value
        return {"array": str(len(arrays) - 1)}
    if isinstance(value, list | tuple):
        return [encode(item, arrays) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        items = {key: encode(item, arrays) for key, item in value.items()}
        return {"dict": items}
    if isinstance(value, dict):
        raise NotPlain("dict with keys that are not strings")
    raise NotPlain(type(value).__name__)


def decode(value, arrays):
    """Returns what `encode` was given, tuples as lists."""
    if isinstance(value, list):
        return [decode(item, arrays) for item in value]
    if isinstance(value, dict) and "array" in value:
        return np.asarray(arrays[value["array"]])
    if isinstance(value, dict):
        items = value["dict"].items()
        return {key: decode(item, arrays) for key, item in items}
    return value


def by_name(callbacks) -> dict:
    """Returns callbacks by the names of their classes, numbered if equal."""
    found, counts = {}, collections.Counter()
    for callback in callbacks:
        name = type(callback).__name__
        counts[name] += 1
        number = f"_{counts[name]}" if counts[name] > 1 else ""
        found[name + number] = callback
    return found


def of_callback(callback: keras.callbacks.Callback, arrays: dict) -> dict:
    """Returns the attributes of a callback that are plain, encoded."""
    found = {k: v for k, v in vars(callback).items() if k not in _KERAS_OWN}
    if _negates_min_delta(callback):
        del found["min_delta"]
    return _encodable(found, arrays)


def give_callback(callback, found: dict, arrays) -> None:
    """Sets the attributes of a callback to those of `of_callback`."""
    for name, value in found.items():
        setattr(callback, name, decode(value, arrays))


def settings(given: dict, callbacks) -> dict:
    """Returns what must be the same for a run to resume, encoded.

    Args:
        given: dict of plain values, no arrays.
        callbacks: list of callbacks, of which the plain constructor arguments
            that they store under their names are settings too.

    Raises:
        ValueError: a value that is not plain.
    """
    arrays = {}
    try:
        if not isinstance(given, dict):
            raise NotPlain(type(given).__name__)
        given = encode(given, arrays)["dict"]
    except NotPlain as error:
        raise ValueError(
            "settings must be a dict of numbers, strings, lists and dicts, "
            f"got a {error}"
        ) from error
    if arrays:
        raise ValueError(
            "settings must be plain, got an array: give data.digest(array)"
        )
    named = by_name(callbacks).items()
    return {
        "settings": given,
        "callbacks": {name: _arguments(callback) for name, callback in named},
    }


def _arguments(callback):
    names = inspect.signature(type(callback)).parameters
    found = {k: v for k, v in vars(callback).items() if k in names}
    if _negates_min_delta(callback) and "min_delta" in found:
        found["min_delta"] = abs(found["min_delta"])
    return _encodable(found, {})


def _negates_min_delta(callback):
    """Returns whether Keras may change min_delta's sign in the first epoch."""
    return {"monitor_op", "min_delta"} <= vars(callback).keys()


def _encodable(values, arrays):
    found = {}
    for name, value in sorted(values.items()):
        own = {}
        try:
            encode(value, own)
        except NotPlain:
            continue
        found[name] = encode(value, arrays)
    return found


def differences(there, here, name="") -> list[str]:
    """Returns what differs between two encoded values, a sentence each."""
    if isinstance(there, dict) and isinstance(here, dict):
        before, now = there.get("class_name"), here.get("class_name")
        if before != now:
            return [f"{name} is {now}, was {before}"]
        return [
            found
            for key in sorted({*there, *here})
            for found in differences(
                there.get(key), here.get(key), f"{name}.{key}".lstrip(".")
            )
        ]
    same = there == here or (_is_nan(there) and _is_nan(here))
    return [] if same else [f"{name} is {here!r}, was {there!r}"]


def _is_nan(value):
    return isinstance(value, float) and math.isnan(value)
