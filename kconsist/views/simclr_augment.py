"""SimCLR's augmentation: crop, flip, color jitter, gray, blur, solarize.

The operations, their order and their strength are the paper's (appendix A); the
defaults are its settings for CIFAR-10 (appendix B.9). The implementation
differs from the published TensorFlow code in four places. Brightness, contrast
and saturation are Pillow's enhancements, as in torchvision's ColorJitter on
Pillow images. A crop that is too wide or too high is clipped at the border
rather than sampled again. It is resized bilinearly, not bicubically. The blur
pads by reflection, where the code pads with black.

Reference: Chen et al. 2020 (https://arxiv.org/abs/2002.05709); solarization as
in BYOL, Grill et al. 2020 (https://arxiv.org/abs/2006.07733).
"""

import math

import keras
import tensorflow as tf

from kconsist.views import _ops
from kconsist.views._blur import gaussian_blur
from kconsist.views._dispatch import dispatch, random_apply
from kconsist.views._hue import adjust_hue
from kconsist.views._seeds import split_seed
from kconsist.views._sizes import check_range, check_size, height_and_width
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class SimCLRAugment(View):
    """Crops, flips and recolors each image as SimCLR does.

    The defaults are for CIFAR-10. The paper's settings for ImageNet are
    `SimCLRAugment(size=224, strength=1.0, blur_probability=0.5)`. Images of one
    channel have no hue or saturation, so these are not changed.

    Args:
        size: int or (height, width) in pixels, the size to which crops are
            resized. Defaults to `None`, the size of the images.
        scale: (minimum, maximum) area of the crop, as a fraction of the image.
            Defaults to `(0.08, 1.0)`.
        ratio: (minimum, maximum) width over height of the crop, in pixels.
            Defaults to `(3 / 4, 4 / 3)`.
        flip: bool, whether to mirror left to right with probability 0.5.
            Defaults to `True`.
        strength (s): float in [0, 1.25], the strength of the color jitter:
            brightness, contrast and saturation by factors from 1 - 0.8 s to
            1 + 0.8 s and hue by up to 0.2 s turns, in random order. Defaults to
            `0.5`.
        jitter_probability: float in [0, 1]. Defaults to `0.8`.
        gray_probability: float in [0, 1]. Defaults to `0.2`.
        blur_probability: float in [0, 1], of a Gaussian blur. Its standard
            deviation is sampled from 0.1 to 2 pixels; its kernel size is a
            tenth of the image. Defaults to `0.0`, as on CIFAR.
        solarize_probability: float in [0, 1], of inverting values of 128 or
            more. Defaults to `0.0`, as in SimCLR.

    Example:
        ```python
        import numpy as np
        from kconsist.views import SimCLRAugment

        images = np.zeros((4, 32, 32, 3), "uint8")
        view = SimCLRAugment()
        first, second = view(images, seed=0), view(images, seed=1)
        ```
    """

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        flip: bool = True,
        strength: float = 0.5,
        jitter_probability: float = 0.8,
        gray_probability: float = 0.2,
        blur_probability: float = 0.0,
        solarize_probability: float = 0.0,
    ):
        self.size = check_size("size", size)
        self.scale = check_range("scale", scale)
        if self.scale[1] > 1:
            raise ValueError(f"scale must be at most 1, got {scale}")
        self.ratio = check_range("ratio", ratio)
        self.flip = flip
        if not 0 <= strength <= 1.25:
            raise ValueError(f"strength must be in [0, 1.25], got {strength}")
        self.strength = strength
        self.jitter_probability = jitter_probability
        self.gray_probability = gray_probability
        self.blur_probability = blur_probability
        self.solarize_probability = solarize_probability
        for name in ("jitter", "gray", "blur", "solarize"):
            name = f"{name}_probability"
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"{name} must be in [0, 1], got {getattr(self, name)}"
                )

    @tf.autograph.experimental.do_not_convert
    def transform(self, images, seed):
        """Returns augmented images, (batch, height, width, channels)."""
        crop_seed, jitter_seed, gray_seed, blur_seed, solarize_seed = (
            split_seed(seed, 5)
        )
        images = self.crop(images, self.sample_boxes(images, crop_seed))
        images = self.jitter(images, jitter_seed)
        if images.shape[-1] == 3:
            images = random_apply(
                _ops.grayscale, self.gray_probability, images, gray_seed
            )
        sigma_seed, blur_seed = split_seed(blur_seed, 2)
        sigmas = tf.random.stateless_uniform(
            tf.shape(images)[:1], sigma_seed, 0.1, 2.0
        )
        images = random_apply(
            gaussian_blur, self.blur_probability, images, blur_seed, sigmas
        )
        return random_apply(
            lambda images: _ops.solarize(images, 128),
            self.solarize_probability,
            images,
            solarize_seed,
        )

    def sample_boxes(self, images, seed):
        """Samples the crop of each image.

        Args:
            images: tensor (batch, height, width, channels).
            seed: int tensor (2,).

        Returns:
            A float32 tensor (batch, 4) of top, left, bottom and right, as
            fractions of height and width. Left and right are swapped where the
            crop is mirrored.
        """
        batch, height, width = tf.unstack(tf.shape(images)[:3])
        area_seed, ratio_seed, *position_seeds = split_seed(seed, 5)

        def uniform(seed, minimum, maximum):
            return tf.random.stateless_uniform((batch,), seed, minimum, maximum)

        area = uniform(area_seed, *self.scale)
        ratio = tf.exp(uniform(ratio_seed, *map(math.log, self.ratio)))
        ratio *= tf.cast(height / width, tf.float32)
        box_height = tf.minimum(tf.sqrt(area / ratio), 1.0)
        box_width = tf.minimum(tf.sqrt(area * ratio), 1.0)
        top = uniform(position_seeds[0], 0.0, 1.0) * (1.0 - box_height)
        left = uniform(position_seeds[1], 0.0, 1.0) * (1.0 - box_width)
        box = [top, left, top + box_height, left + box_width]
        # A box that exceeds the image by a rounding error would read black.
        box = [tf.clip_by_value(edge, 1e-6, 1 - 1e-6) for edge in box]
        if self.flip:
            mirror = uniform(position_seeds[2], 0.0, 1.0) < 0.5
            box[1], box[3] = (
                tf.where(mirror, box[3], box[1]),
                tf.where(mirror, box[1], box[3]),
            )
        return tf.stack(box, axis=1)

    def crop(self, images, boxes):
        """Returns the boxes of images, bilinearly resized to `size`."""
        batch, *shape = images.shape
        size = self.size and height_and_width(self.size)
        # Corners are aligned: the first pixel of the result is at the top left
        # corner of the box, the last one at its bottom right corner.
        crops = tf.image.crop_and_resize(
            images,
            boxes,
            tf.range(tf.shape(images)[0]),
            size or tf.shape(images)[1:3],
        )
        crops = tf.saturate_cast(tf.round(crops), tf.uint8)
        return tf.ensure_shape(crops, (batch, *(size or shape[:2]), shape[2]))

    def sample_jitter(self, batch: int, seed) -> tuple:
        """Samples the color jitter of each image.

        Args:
            batch: int, the number of images.
            seed: int tensor (2,).

        Returns:
            order: int32 tensor (batch, 4), the steps in their order: 1
                brightness, 2 contrast, 3 saturation, 4 hue; all 0 for images
                without jitter.
            factors: float32 tensor (batch, 4), the factors of brightness,
                contrast and saturation, and the shift of the hue.
        """
        apply_seed, order_seed, factor_seed, hue_seed = split_seed(seed, 4)
        uniform = tf.random.stateless_uniform((batch, 1), apply_seed)
        order = tf.argsort(tf.random.stateless_uniform((batch, 4), order_seed))
        order = tf.where(uniform < self.jitter_probability, order + 1, 0)
        spread = 0.8 * self.strength
        factors = tf.random.stateless_uniform(
            (batch, 3), factor_seed, 1.0 - spread, 1.0 + spread
        )
        shifts = tf.random.stateless_uniform((batch, 1), hue_seed, -0.2, 0.2)
        return order, tf.concat([factors, self.strength * shifts], axis=1)

    def jitter(self, images, seed):
        """Returns images with jittered colors, in random order per image."""
        order, factors = self.sample_jitter(tf.shape(images)[0], seed)
        steps = [
            None,
            lambda images, factors: _ops.brightness(images, factors[:, 0]),
            lambda images, factors: _ops.contrast(images, factors[:, 1]),
            lambda images, factors: _ops.color(images, factors[:, 2]),
            lambda images, factors: adjust_hue(images, factors[:, 3]),
        ]
        shape = images.shape
        for number in range(4):
            images = dispatch(order[:, number], steps, images, factors)
        return tf.ensure_shape(images, shape)

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {
            **super().get_config(),
            "size": self.size,
            "scale": self.scale,
            "ratio": self.ratio,
            "flip": self.flip,
            "strength": self.strength,
            "jitter_probability": self.jitter_probability,
            "gray_probability": self.gray_probability,
            "blur_probability": self.blur_probability,
            "solarize_probability": self.solarize_probability,
        }
