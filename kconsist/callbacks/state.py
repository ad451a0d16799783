"""What of a callback, or of a run, is plain enough to be written down."""

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
    if isinstance(value, np.ndarray):
        arrays[str(len(arrays))] = value
        return {"array": str(len(arrays) - 1)}
    if isinstance(value, list | tuple):
        return [encode(item, arrays) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        items = {key: encode(item, arrays) for key, item in value.items()}
        return {"dict": items}
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


def of_callback(callback: keras.callbacks.Callback, arrays: dict) -> dict:
    """Returns the attributes of a callback that are plain, encoded."""
    found = {}
    for name, value in sorted(vars(callback).items()):
        if name in _KERAS_OWN:
            continue
        own = {}
        try:
            encode(value, own)
        except NotPlain:
            continue
        found[name] = encode(value, arrays)
    return found


def give_callback(callback, found: dict, arrays) -> None:
    """Sets the attributes of a callback to those of `of_callback`."""
    for name, value in found.items():
        setattr(callback, name, decode(value, arrays))


def differences(there, here, name="settings") -> list[str]:
    """Returns what differs between two encoded values, a sentence each."""
    if isinstance(there, dict) and isinstance(here, dict):
        return [
            found
            for key in sorted({*there, *here})
            for found in differences(
                there.get(key), here.get(key), f"{name}.{key}"
            )
        ]
    same = there == here or (_is_nan(there) and _is_nan(here))
    return [] if same else [f"{name} is {here!r}, was {there!r}"]


def _is_nan(value):
    return isinstance(value, float) and math.isnan(value)
