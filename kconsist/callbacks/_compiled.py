"""Describes how a model was compiled, in plain values."""

import keras
import numpy as np

# Names are numbered within a process; the others name the file of a class.
_IGNORED = ("name", "module", "registered_name")


def optimizers(model: keras.Model) -> dict:
    """Returns a model's optimizers by attribute name."""
    attributes = vars(model).items()
    return {
        name: value
        for name, value in attributes
        if isinstance(value, keras.optimizers.Optimizer)
    }


def describe(model: keras.Model) -> dict:
    """Returns the classes and configs of a model's optimizers and loss."""
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
        class_name = type(value).__name__
        return _plain_dict({"class_name": class_name, "config": _config(value)})
    return getattr(value, "__name__", type(value).__name__)


def _plain_dict(value):
    class_name, config = value.get("class_name"), value.get("config")
    if class_name == "__lambda__":
        return "lambda"  # Its code would contain its line number.
    if class_name and isinstance(config, dict):
        value = {"class_name": class_name, **config}
    return {
        str(key): _plain(item)
        for key, item in value.items()
        if key not in _IGNORED
    }


def _config(value):
    try:
        return value.get_config()
    except NotImplementedError:  # Schedules may come without a config.
        return None
