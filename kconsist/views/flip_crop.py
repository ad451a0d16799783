"""Random flip and crop, the weak view of most image methods.

Every image is mirrored with probability one half and moved by up to `padding`
pixels, what comes in at the border being the image mirrored there.

Reference: FixMatch, Sohn et al. 2020 (https://arxiv.org/abs/2001.07685),
"standard flip-and-shift augmentation".
"""

import keras
import tensorflow as tf

from kconsist.views._seeds import split_seed
from kconsist.views._sizes import check_sides, sides
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class FlipCrop(View):
    """Flips an image horizontally, and crops it at a random place.

    Either the image is padded by reflection and cropped to its own size (the
    form for CIFAR), or, where `resize` and `crop` are given, it is resized to a
    larger size and a smaller one is cut out of it.

    Args:
        flip: bool, mirror left to right with probability 0.5. Turn it off for
            digits and text. Defaults to `True`.
        padding: int, the number of pixels the image moves by at most. It must
            be smaller than the image. Not used with `resize`. Defaults to `4`.
        resize: int or (height, width), what images are resized to (bilinear)
            before the crop, in pixels, e.g. 96. Goes with `crop`. Defaults to
            `None`.
        crop: int or (height, width), the size of the crop, e.g. 72. Defaults to
            `None`.

    Example:
        ```python
        import numpy as np
        from kconsist.views import FlipCrop

        images = np.zeros((4, 32, 32, 3), "uint8")
        FlipCrop()(images, seed=0).shape  # (4, 32, 32, 3)
        FlipCrop(resize=96, crop=72)(images, seed=0).shape  # (4, 72, 72, 3)
        ```
    """

    def __init__(self, flip=True, padding=4, resize=None, crop=None):
        if not isinstance(padding, int) or padding < 0:
            raise ValueError(f"padding must be an int >= 0, got {padding!r}")
        if (resize is None) != (crop is None):
            raise ValueError(
                "resize and crop go together: give both or neither, got "
                f"resize={resize} and crop={crop}"
            )
        self.flip = flip
        self.padding = padding
        self.resize = check_sides("resize", resize)
        self.crop = check_sides("crop", crop)
        if crop is not None and any(
            small > large
            for small, large in zip(
                sides(self.crop), sides(self.resize), strict=True
            )
        ):
            raise ValueError(
                f"crop must be at most resize, got crop={crop} and "
                f"resize={resize}"
            )

    @tf.autograph.experimental.do_not_convert
    def transform(self, images, seed):
        """Returns flipped, cropped images, (batch, height, width, channels)."""
        flip_seed, row_seed, column_seed = split_seed(seed, 3)
        padding = self.padding
        if self.resize is not None:
            padding = 0
            images = tf.image.resize(images, sides(self.resize))
            images = tf.cast(tf.round(images), tf.uint8)
        batch, height, width = tf.unstack(tf.shape(images)[:3])
        new_height, new_width = height, width
        if self.crop is not None:
            new_height, new_width = sides(self.crop)

        rows = crop_indices(height, new_height, padding, batch, row_seed)
        columns = crop_indices(width, new_width, padding, batch, column_seed)
        if self.flip:
            drawn = tf.random.stateless_uniform((batch, 1), flip_seed)
            columns = tf.where(drawn < 0.5, width - 1 - columns, columns)
        # One gather of whole pixels: batch, row and column in one index.
        index = tf.range(batch)[:, None] * height + rows
        index = index[:, :, None] * width + columns[:, None, :]
        pixels = tf.reshape(images, (-1, images.shape[-1]))
        result = tf.gather(pixels, index)
        return tf.ensure_shape(result, self.output_shape(images.shape))

    def output_shape(self, shape):
        """Returns the static shape of the result for images of `shape`."""
        if self.crop is None:
            return shape
        return (shape[0], *sides(self.crop), shape[-1])

    @tf.autograph.experimental.do_not_convert
    def check(self, images):
        """Raises ValueError where `images` is not what the view takes."""
        super().check(images)
        known = [side for side in images.shape[-3:-1] if side is not None]
        if self.resize is None and any(self.padding >= s for s in known):
            raise ValueError(
                "padding must be smaller than the image, got "
                f"padding={self.padding} and images of shape {images.shape}"
            )

    def get_config(self):
        """Returns the arguments of `__init__`, a dict."""
        return {
            **super().get_config(),
            "flip": self.flip,
            "padding": self.padding,
            "resize": self.resize,
            "crop": self.crop,
        }


def crop_indices(side, new_side, padding, batch, seed):
    """Returns what a random crop reads along one axis.

    Args:
        side: int, the length of the axis.
        new_side: int, the length of the crop.
        padding: int, by how much the axis is padded by reflection before.
        batch: int, the number of crops.
        seed: int tensor (2,).

    Returns:
        An int32 tensor (batch, new side) of positions in [0, side).
    """
    starts = tf.random.stateless_uniform(
        (batch, 1),
        seed,
        minval=-padding,
        maxval=side + padding - new_side + 1,
        dtype=tf.int32,
    )
    positions = tf.abs(starts + tf.range(new_side))
    return (side - 1) - tf.abs(side - 1 - positions)
