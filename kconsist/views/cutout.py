"""Cutout: a grey square over a random part of each image.

Reference: DeVries & Taylor 2017 (https://arxiv.org/abs/1708.04552); size and
grey as at the end of FixMatch's strong view on CIFAR.
"""

import keras
import tensorflow as tf

from kconsist.views._seeds import split_seed
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class Cutout(View):
    """Covers a square of each image.

    The centre is uniform over the pixels of the image, and what lies beyond
    the border is lost, so the visible part of the square varies in size.

    Args:
        size: side of the square: an int, in pixels, or a float in (0, 1], the
            fraction of the shorter side of the image (truncated to pixels).
            Defaults to `16`, half of a CIFAR image.
        fill: int in [0, 255], the value of the square. Defaults to `127`, mid
            grey, which is near zero after normalization.

    Example:
        ```python
        import numpy as np
        from kconsist.views import Cutout

        images = np.zeros((4, 32, 32, 3), "uint8")
        covered = Cutout(size=0.5)(images, seed=0)
        ```
    """

    def __init__(self, size=16, fill=127):
        if isinstance(size, float):
            if not 0 < size <= 1:
                raise ValueError(
                    "size as a fraction must be a float in (0, 1], or give an "
                    f"int in pixels, got {size!r}"
                )
        elif not isinstance(size, int) or size < 1:
            raise ValueError(
                "size must be an int >= 1 (pixels) or a float in (0, 1], got "
                f"{size!r}"
            )
        if not isinstance(fill, int) or not 0 <= fill <= 255:
            raise ValueError(f"fill must be an int in [0, 255], got {fill!r}")
        self.size = size
        self.fill = fill

    @tf.autograph.experimental.do_not_convert
    def transform(self, images, seed):
        """Returns covered images, (batch, height, width, channels)."""
        batch, height, width = tf.unstack(tf.shape(images)[:3])
        size = self.size
        if isinstance(size, float):
            shorter = tf.cast(tf.minimum(height, width), tf.float32)
            size = tf.maximum(tf.cast(shorter * size, tf.int32), 1)
        row_seed, column_seed = split_seed(seed, 2)
        rows = covered(height, size, batch, row_seed)
        columns = covered(width, size, batch, column_seed)
        columns = tf.repeat(columns, images.shape[-1], axis=1)
        square = tf.bitwise.bitwise_and(rows[:, :, None], columns[:, None])
        return paint(images, tf.reshape(square, tf.shape(images)), self.fill)

    def get_config(self):
        """Returns the arguments of `__init__`, a dict."""
        return {**super().get_config(), "size": self.size, "fill": self.fill}


def covered(side, size, batch, seed):
    """Returns a uint8 tensor (batch, side), 255 inside a random interval.

    The interval has `size` positions, from `size // 2` before a centre that is
    uniform over the axis.
    """
    centres = tf.random.stateless_uniform(
        (batch, 1), seed, minval=0, maxval=side, dtype=tf.int32
    )
    distance = tf.range(side) - (centres - size // 2)
    inside = (distance >= 0) & (distance < size)
    return 255 * tf.cast(inside, tf.uint8)


def paint(images, where, fill):
    """Returns images with the value `fill` at some places.

    Args:
        images: uint8 tensor.
        where: uint8 tensor of the same shape, 255 at those places, else 0.
        fill: int in [0, 255].

    Returns:
        A uint8 tensor of the same shape.
    """
    # Bits, since tf.where with one value is several times slower.
    change = tf.bitwise.bitwise_xor(images, tf.cast(fill, tf.uint8))
    change = tf.bitwise.bitwise_and(change, where)
    return tf.bitwise.bitwise_xor(images, change)
