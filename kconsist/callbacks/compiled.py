"""How a model was compiled: its optimizers and its loss, as plain values."""

import keras
import numpy as np

# They are numbered within a process, or name the file that defines a class.
_NOT_COMPARED = ("name", "module", "registered_name")


def optimizers(model: keras.Model) -> dict:
    """Returns a model's optimizers by their attributes' names."""
    found = vars(model).items()
    return {k: v for k, v in found if isinstance(v, keras.optimizers.Optimizer)}


def describe(model: keras.Model) -> dict:
    """Returns the classes and settings of a model's optimizers and loss."""
    return _plain({**optimizers(model), "loss": model.loss})


def _plain(value):
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(str(np.float32(value)))  # 0.1, not 0.10000000149.
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return _plain_dict(value)
    if hasattr(value, "get_config"):
        kind = type(value).__name__
        return _plain_dict({"class_name": kind, "config": _config(value)})
    return getattr(value, "__name__", type(value).__name__)


def _plain_dict(value):
    kind, config = value.get("class_name"), value.get("config")
    if kind == "__lambda__":
        return "lambda"  # Its code would name the line that it stands in.
    if kind and isinstance(config, dict):
        value = {"class_name": kind, **config}
    items = value.items()
    return {str(k): _plain(v) for k, v in items if k not in _NOT_COMPARED}


def _config(value):
    try:
        return value.get_config()
    except NotImplementedError:  # A schedule need not have one.
        return None
