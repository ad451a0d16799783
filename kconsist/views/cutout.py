"""Cutout: a gray square over a random part of each image.

Reference: DeVries & Taylor 2017 (https://arxiv.org/abs/1708.04552); size and
gray value are those of FixMatch's strong view on CIFAR.
"""

import keras
import tensorflow as tf

from kconsist.views import _ops
from kconsist.views._seeds import split_seed
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class Cutout(View):
    """Masks a random square of each image.

    The center is uniform over the pixels of the image. The square is clipped
    at the border, so its visible part varies in size.

    Args:
        size: side of the square: an int, in pixels, or a float in (0, 1], the
            fraction of the shorter side of the image (truncated to pixels).
            Defaults to `16`, half of a CIFAR image.
        fill: int in [0, 255], the value of the square. Defaults to `127`,
            mid-gray, which is near zero after normalization.

    Example:
        ```python
        import numpy as np
        from kconsist.views import Cutout

        images = np.zeros((4, 32, 32, 3), "uint8")
        masked = Cutout(size=0.5)(images, seed=0)
        ```
    """

    def __init__(self, size: int | float = 16, fill: int = 127):
        if isinstance(size, float):
            if not 0 < size <= 1:
                raise ValueError(
                    "size must be a float in (0, 1], a fraction of the image, "
                    f"or an int >= 1 in pixels, got {size!r}"
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
        """Returns masked images, (batch, height, width, channels)."""
        batch, height, width = tf.unstack(tf.shape(images)[:3])
        size = self.size
        if isinstance(size, float):
            shorter = tf.cast(tf.minimum(height, width), tf.float32)
            size = tf.maximum(tf.cast(shorter * size, tf.int32), 1)
        row_seed, column_seed = split_seed(seed, 2)
        top, bottom = random_interval(height, size, batch, row_seed)
        left, right = random_interval(width, size, batch, column_seed)
        column = tf.range(width)
        inside = 255 * tf.cast((column >= left) & (column < right), tf.uint8)
        inside = tf.repeat(inside, images.shape[-1], axis=1)[:, None]
        # The rows of the squares are masked, and replace those of the images.
        first = tf.range(batch)[:, None]
        count = tf.minimum(size, height)
        rows = tf.minimum(top + tf.range(count), bottom - 1) + height * first
        flat = tf.reshape(images, (batch * height, tf.shape(inside)[-1]))
        square = _ops.fill_where(tf.gather(flat, rows), inside, self.fill)
        square = tf.reshape(square, (batch * count, tf.shape(inside)[-1]))
        row = tf.range(height)
        source = tf.where(
            (row >= top) & (row < bottom),
            batch * height + count * first + row - top,
            height * first + row,
        )
        result = tf.gather(tf.concat([flat, square], axis=0), source)
        return tf.ensure_shape(
            tf.reshape(result, tf.shape(images)), images.shape
        )

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "size": self.size, "fill": self.fill}


def random_interval(length, size, batch, seed):
    """Returns random intervals of an axis.

    Args:
        length: int, the length of the axis.
        size: int, the length of the intervals.
        batch: int, the number of intervals.
        seed: int tensor (2,).

    Returns:
        Two int32 tensors (batch, 1), the first position of the interval and
        the one after the last. The interval starts `size // 2` before a center
        that is uniform over the axis, and is clipped to the axis.
    """
    centers = tf.random.stateless_uniform(
        (batch, 1), seed, minval=0, maxval=length, dtype=tf.int32
    )
    starts = centers - size // 2
    return tf.maximum(starts, 0), tf.minimum(starts + size, length)
