"""Conversion of Keras layers, functions and None to views."""

import keras

from kconsist.views.function_view import FunctionView
from kconsist.views.identity import Identity
from kconsist.views.layer_view import LayerView
from kconsist.views.view import View


def as_view(value) -> View:
    """Returns a view for a view, a Keras layer, a function or None.

    Args:
        value: a `View`, which is returned as it is; `None`, which gives
            `Identity()`; a Keras layer, `keras.Sequential` or KerasCV layer,
            which gives a `LayerView`; or any other callable that takes
            (images, seed), which gives a `FunctionView`.

    Returns:
        A `View`.

    Example:
        ```python
        import keras
        import numpy as np
        from kconsist.views import as_view

        view = as_view(keras.layers.RandomFlip("horizontal"))
        images = view(np.zeros((4, 32, 32, 3), "uint8"), seed=0)
        ```
    """
    if isinstance(value, View):
        return value
    if value is None:
        return Identity()
    if isinstance(value, keras.layers.Layer):
        return LayerView(value)
    if callable(value) and not isinstance(value, type):
        return FunctionView(value)
    hint = ""
    if isinstance(value, type):
        hint = f"; did you mean {value.__name__}()?"
    elif isinstance(value, (list, tuple)):
        hint = "; did you mean Compose([...])?"
    raise ValueError(
        "a view must be a View, None, a Keras layer or a callable that takes "
        f"(images, seed), got {value!r}{hint}"
    )
