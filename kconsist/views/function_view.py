"""A function of images and a seed as a view."""

from collections.abc import Callable

import keras
import tensorflow as tf

from kconsist.views._seeds import as_seed
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class FunctionView(View):
    """Calls `function(images, seed)` as a view.

    The function receives the images as a tensor, unchecked, and the seed of
    the call as an int tensor of shape (2,), not keyed by a class name. It
    should sample for each image independently, with `tf.random.stateless_*`
    and this seed.

    Args:
        function: a callable that takes (images, seed).

    Example:
        ```python
        import numpy as np
        import tensorflow as tf
        from kconsist.views import FunctionView

        def add_noise(images, seed):
            noise = tf.random.stateless_normal(tf.shape(images), seed)
            images = tf.cast(images, "float32") + 10 * noise
            return tf.saturate_cast(images, "uint8")

        images = np.full((4, 32, 32, 3), 128, "uint8")
        noisy = FunctionView(add_noise)(images, seed=0)
        ```
    """

    def __init__(self, function: Callable):
        if not callable(function):
            raise ValueError(f"function must be callable, got {function!r}")
        self.function = function

    def __call__(self, images, seed):
        """Returns `function(images, seed)`."""
        return self.function(tf.convert_to_tensor(images), as_seed(seed))

    def __eq__(self, other):
        return type(self) is type(other) and self.function == other.function

    def __hash__(self):
        return hash(self.function)

    def __repr__(self):
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"FunctionView({name})"

    def get_config(self) -> dict:
        """Returns the serialized function.

        To load it, the function must be registered with Keras.
        """
        function = keras.saving.serialize_keras_object(self.function)
        return {**super().get_config(), "function": function}

    @classmethod
    def from_config(cls, config: dict) -> "FunctionView":
        """Returns the view of the function in the config."""
        function = config["function"]
        if not callable(function):
            function = keras.saving.deserialize_keras_object(function)
        return cls(function)
