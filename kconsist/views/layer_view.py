"""A Keras layer as a view."""

import keras
import tensorflow as tf

from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class LayerView(View):
    """Calls a Keras or KerasCV layer, or `keras.Sequential`, as a view.

    The layer is called with `training=True`. Where uint8 came in and floats
    come out of the layer, they are rounded and clipped to 0..255.

    Such layers keep a seed of their own that changes at every call. So they
    ignore the seed of the view: the same seed does not give the same pixels,
    a weak and a strong view cannot share them, and in a `tf.data` map with
    parallel calls two runs differ even where the layer has a seed, as the
    calls take turns in any order. (A serial map of a layer with a seed, or
    `tf.config.experimental.enable_op_determinism()`, repeats itself.) Use the
    views of this package where that matters.

    What to know of single layers:

    - `keras_cv.layers.RandAugment` needs `value_range=(0, 255)`; with another
      range it destroys images without an error. It draws for each image, in a
      loop over the batch, out of ten operations: no rotation, sharpness,
      posterization or identity.
    - `keras.layers.RandAugment` draws one choice of operations for the whole
      batch that it is called with. To draw per image, map it to single images,
      before batching. Before Keras 3.11 the choice was made once, when the
      pipeline was traced. It computes all of its operations to keep some.
    - Its operations are not the paper's: it rotates, moves and brightens in
      one direction only, and posterizes less for a larger `factor`.

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

    def __init__(self, layer):
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(f"layer must be a Keras layer, got {layer!r}")
        self.layer = layer

    def __call__(self, images, seed):
        """Returns what the layer makes of images.

        Args:
            images: tensor (batch, ...) that the layer takes, uint8 or float,
                or one image (height, width, channels).
            seed: not used.

        Returns:
            A tensor; uint8 where `images` is.
        """
        images = tf.convert_to_tensor(images)
        single = images.shape.rank == 3
        result = self.layer(images[None] if single else images, training=True)
        if images.dtype == tf.uint8 and result.dtype != tf.uint8:
            result = tf.clip_by_value(tf.cast(result, tf.float32), 0.0, 255.0)
            result = tf.cast(tf.round(result), tf.uint8)
        return result[0] if single else result

    def get_config(self):
        """Returns the serialized layer."""
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config):
        """Returns a view of a new layer that has the config's settings."""
        layer = config["layer"]
        if isinstance(layer, dict):
            layer = keras.saving.deserialize_keras_object(layer)
        return cls(layer)
