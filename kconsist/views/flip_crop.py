"""Random flip and crop, the weak view of most methods on images.

Each image is flipped with probability 0.5, padded by reflection and cropped to
its own size, which moves it by up to `padding` pixels.

Reference: FixMatch, Sohn et al. 2020 (https://arxiv.org/abs/2001.07685),
"standard flip-and-shift augmentation".
"""

import keras
import tensorflow as tf

from kconsist.views._geometry import gather_pixels, reflect
from kconsist.views._seeds import split_seed
from kconsist.views._sizes import check_size, height_and_width
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class FlipCrop(View):
    """Flips each image horizontally and crops it at a random position.

    By default the image is padded by reflection and cropped to its own size,
    as is usual on CIFAR. With `resize` and `crop` it is resized to a larger
    size and cropped to a smaller one instead.

    Args:
        flip: bool, whether to mirror left to right with probability 0.5. Set
            it to `False` for digits and text. Defaults to `True`.
        padding: int, the number of pixels by which the image moves at most. It
            must be smaller than the image. Not used with `resize`. Defaults to
            `4`.
        resize: int or (height, width) in pixels, the size to which images are
            resized (bilinear) before the crop, e.g. 96. Requires `crop`.
            Defaults to `None`.
        crop: int or (height, width), the size of the crop, e.g. 72. Requires
            `resize`. Defaults to `None`.

    Example:
        ```python
        import numpy as np
        from kconsist.views import FlipCrop

        images = np.zeros((4, 32, 32, 3), "uint8")
        FlipCrop()(images, seed=0).shape  # (4, 32, 32, 3)
        FlipCrop(resize=96, crop=72)(images, seed=0).shape  # (4, 72, 72, 3)
        ```
    """

    def __init__(
        self,
        flip: bool = True,
        padding: int = 4,
        resize: int | tuple[int, int] | None = None,
        crop: int | tuple[int, int] | None = None,
    ):
        if not isinstance(padding, int) or padding < 0:
            raise ValueError(f"padding must be an int >= 0, got {padding!r}")
        if (resize is None) != (crop is None):
            raise ValueError(
                "resize and crop must be given together or not at all, got "
                f"resize={resize} and crop={crop}"
            )
        self.flip = flip
        self.padding = padding
        self.resize = check_size("resize", resize)
        self.crop = check_size("crop", crop)
        if crop is not None and any(
            small > large
            for small, large in zip(
                height_and_width(self.crop),
                height_and_width(self.resize),
                strict=True,
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
            images = tf.image.resize(images, height_and_width(self.resize))
            images = tf.cast(tf.round(images), tf.uint8)
        batch, height, width = tf.unstack(tf.shape(images)[:3])
        crop_height, crop_width = height, width
        if self.crop is not None:
            crop_height, crop_width = height_and_width(self.crop)

        rows = crop_indices(height, crop_height, padding, batch, row_seed)
        columns = crop_indices(width, crop_width, padding, batch, column_seed)
        if self.flip:
            uniform = tf.random.stateless_uniform((batch, 1), flip_seed)
            columns = tf.where(uniform < 0.5, width - 1 - columns, columns)
        # A single gather of whole pixels, by one index into the batch.
        index = tf.range(batch)[:, None] * height + rows
        index = index[:, :, None] * width + columns[:, None, :]
        pixels = tf.reshape(images, (-1, images.shape[-1]))
        result = gather_pixels(pixels, index)
        return tf.ensure_shape(result, self.output_shape(images.shape))

    def output_shape(self, shape):
        """Returns the static shape of the result for images of `shape`."""
        if self.crop is None:
            return shape
        return (shape[0], *height_and_width(self.crop), shape[-1])

    @tf.autograph.experimental.do_not_convert
    def check(self, images):
        """Raises ValueError if the view can't be applied to `images`."""
        super().check(images)
        known = [side for side in images.shape[-3:-1] if side is not None]
        if self.resize is None and any(self.padding >= s for s in known):
            raise ValueError(
                "padding must be smaller than the image, got "
                f"padding={self.padding} and images of shape {images.shape}"
            )

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {
            **super().get_config(),
            "flip": self.flip,
            "padding": self.padding,
            "resize": self.resize,
            "crop": self.crop,
        }


def crop_indices(size, crop_size, padding, batch, seed):
    """Returns the positions that random crops read along one axis.

    Args:
        size: int, the length of the axis.
        crop_size: int, the length of the crops.
        padding: int, by how much the axis is padded by reflection on each
            side.
        batch: int, the number of crops.
        seed: int tensor (2,).

    Returns:
        An int32 tensor (batch, crop_size) of positions in [0, size).
    """
    starts = tf.random.stateless_uniform(
        (batch, 1),
        seed,
        minval=-padding,
        maxval=size + padding - crop_size + 1,
        dtype=tf.int32,
    )
    return reflect(starts + tf.range(crop_size), size)
