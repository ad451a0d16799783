"""A Keras layer as a view."""

import keras
import tensorflow as tf

from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class LayerView(View):
    """Calls a Keras or KerasCV layer, or a `keras.Sequential`, as a view.

    The layer is called with `training=True`. If it returns floats for uint8
    images, they are rounded and clipped to 0..255.

    Such layers ignore the seed of the view: they have a seed of their own,
    which changes with each call. So the same seed does not give the same
    pixels, and a weak and a strong view can't share their geometry. In a
    `tf.data` map with parallel calls, two runs differ even if the layer has a
    seed, since the order of the calls varies. (A serial map of a layer with a
    seed, or `tf.config.experimental.enable_op_determinism()`, is reproducible.)
    Use the views of this package where that matters.

    Notes on particular layers:

    - `keras_cv.layers.RandAugment` requires `value_range=(0, 255)`; any other
      range destroys images without an error. It samples for each image, in a
      loop over the batch, from ten operations, without rotation, sharpness,
      posterization or identity.
    - `keras.layers.RandAugment` samples one choice of operations for the whole
      batch. To sample per image, map it over single images before batching.
      Before Keras 3.11 the choice was made once, when the pipeline was traced.
      It computes all operations and discards most of the results. Its
      operations differ from the paper's: it rotates, translates and brightens
      in one direction only, and posterizes less for a larger `factor`.

    Args:
        layer: the layer.

    Example:
        ```python
        import keras
        import numpy as np
        from kconsist.views import LayerView

        layer = keras.layers.RandomTranslation(0.1, 0.1)
        images = np.zeros((4, 32, 32, 3), "uint8")
        moved = LayerView(layer)(images, seed=0)
        ```
    """

    def __init__(self, layer: keras.layers.Layer):
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(f"layer must be a Keras layer, got {layer!r}")
        self.layer = layer

    def __call__(self, images, seed):
        """Returns the output of the layer.

        Args:
            images: uint8 or float tensor (batch, ...) that the layer accepts,
                or one image (height, width, channels).
            seed: not used.

        Returns:
            A tensor; uint8 if `images` is uint8.
        """
        images = tf.convert_to_tensor(images)
        single = images.shape.rank == 3
        result = self.layer(images[None] if single else images, training=True)
        if images.dtype == tf.uint8 and result.dtype != tf.uint8:
            result = tf.clip_by_value(tf.cast(result, tf.float32), 0.0, 255.0)
            result = tf.cast(tf.round(result), tf.uint8)
        return result[0] if single else result

    def get_config(self) -> dict:
        """Returns the serialized layer."""
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config: dict) -> "LayerView":
        """Returns a view of a new layer built from the config."""
        layer = config["layer"]
        if isinstance(layer, dict):
            layer = keras.saving.deserialize_keras_object(layer)
        return cls(layer)
