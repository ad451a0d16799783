"""SimCLR's augmentation: crop and resize, flip, colors, grey, blur, solarize.

What is done, in which order and how strongly is the paper's (appendix A), with
its settings for CIFAR-10 (appendix B.9) as the default. How it is done differs
from the published TensorFlow code in four places: brightness, contrast and
saturation are Pillow's enhancements (as in torchvision's ColorJitter on Pillow
images); a crop that is too wide or too high is cut at the border rather than
drawn again; it is resized bilinearly, not bicubically; and the blur mirrors the
image at its border, where the code has black.

Reference: Chen et al. 2020 (https://arxiv.org/abs/2002.05709); solarization as
in BYOL, Grill et al. 2020 (https://arxiv.org/abs/2006.07733).
"""

import math

import keras
import tensorflow as tf

from kconsist.views import _ops
from kconsist.views._blur import gaussian_blur
from kconsist.views._dispatch import by_part, with_probability
from kconsist.views._seeds import split_seed
from kconsist.views._sizes import check_range, check_sides, sides
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class SimCLRAugment(View):
    """Crops, flips and recolors each image as SimCLR does.

    The defaults are for CIFAR-10. For ImageNet the paper has
    `SimCLRAugment(size=224, strength=1.0, blur_probability=0.5)`. Images of one
    channel keep their hue and saturation, as they have none.

    Args:
        size: int or (height, width), what crops are resized to, in pixels.
            Defaults to `None`, the size of the images.
        scale: (least, most) share of the image's area that is cropped.
            Defaults to `(0.08, 1.0)`.
        ratio: (least, most) width over height of the crop, in pixels. Defaults
            to `(3 / 4, 4 / 3)`.
        flip: bool, mirror left to right with probability 0.5. Defaults to
            `True`.
        strength (s): float in [0, 1.25], of the color jitter: brightness,
            contrast and saturation by factors from 1 - 0.8 s to 1 + 0.8 s and
            hue by up to 0.2 s turns, in an order that is drawn. Defaults to
            `0.5`.
        jitter_probability: float in [0, 1]. Defaults to `0.8`.
        gray_probability: float in [0, 1]. Defaults to `0.2`.
        blur_probability: float in [0, 1], of a Gaussian blur whose standard
            deviation is drawn from 0.1 to 2 pixels; its window is a tenth of
            the image. Defaults to `0.0`, as on CIFAR.
        solarize_probability: float in [0, 1], of inverting values from 128.
            Defaults to `0.0`, which is SimCLR's.

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
        size=None,
        scale=(0.08, 1.0),
        ratio=(3 / 4, 4 / 3),
        flip=True,
        strength=0.5,
        jitter_probability=0.8,
        gray_probability=0.2,
        blur_probability=0.0,
        solarize_probability=0.0,
    ):
        self.size = check_sides("size", size)
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
        crop_seed, jitter_seed, gray_seed, blur_seed, sun_seed = split_seed(
            seed, 5
        )
        images = self.crop(images, self.draw_boxes(images, crop_seed))
        images = self.jitter(images, jitter_seed)
        if images.shape[-1] == 3:
            images = with_probability(
                self.gray_probability, _ops.grayscale, images, gray_seed
            )
        sigma_seed, blur_seed = split_seed(blur_seed, 2)
        sigmas = tf.random.stateless_uniform(
            tf.shape(images)[:1], sigma_seed, 0.1, 2.0
        )
        images = with_probability(
            self.blur_probability, gaussian_blur, images, blur_seed, sigmas
        )
        return with_probability(
            self.solarize_probability,
            lambda part: _ops.solarize(part, 128),
            images,
            sun_seed,
        )

    def draw_boxes(self, images, seed):
        """Draws what is cropped of each image.

        Args:
            images: tensor (batch, height, width, channels).
            seed: int tensor (2,).

        Returns:
            A float32 tensor (batch, 4) of top, left, bottom and right, as
            shares of height and width; left is right of right where the crop
            is mirrored.
        """
        batch, height, width = tf.unstack(tf.shape(images)[:3])
        area_seed, ratio_seed, *place_seeds = split_seed(seed, 5)

        def draw(seed, least, most):
            return tf.random.stateless_uniform((batch,), seed, least, most)

        area = draw(area_seed, *self.scale)
        ratio = tf.exp(draw(ratio_seed, *map(math.log, self.ratio)))
        ratio *= tf.cast(height / width, tf.float32)
        tall = tf.minimum(tf.sqrt(area / ratio), 1.0)
        wide = tf.minimum(tf.sqrt(area * ratio), 1.0)
        top = draw(place_seeds[0], 0.0, 1.0) * (1.0 - tall)
        left = draw(place_seeds[1], 0.0, 1.0) * (1.0 - wide)
        box = [top, left, top + tall, left + wide]
        # What is outside by a rounding error would be resized to black.
        box = [tf.clip_by_value(side, 1e-6, 1 - 1e-6) for side in box]
        if self.flip:
            mirror = draw(place_seeds[2], 0.0, 1.0) < 0.5
            box[1], box[3] = (
                tf.where(mirror, box[3], box[1]),
                tf.where(mirror, box[1], box[3]),
            )
        return tf.stack(box, axis=1)

    def crop(self, images, boxes):
        """Returns the boxes of images, bilinearly resized to `size`."""
        batch, *shape = images.shape
        size = self.size and sides(self.size)
        # Pixels are points at the corners of the box here: the first one of the
        # result is at its top left, the last one at its bottom right.
        crops = tf.image.crop_and_resize(
            images,
            boxes,
            tf.range(tf.shape(images)[0]),
            size or tf.shape(images)[1:3],
        )
        crops = tf.saturate_cast(tf.round(crops), tf.uint8)
        return tf.ensure_shape(crops, (batch, *(size or shape[:2]), shape[2]))

    def draw_colors(self, batch, seed):
        """Draws the changes of color of each image.

        Args:
            batch: int, the number of images.
            seed: int tensor (2,).

        Returns:
            order: int32 tensor (batch, 4), the numbers of the steps in their
                order: 1 brightness, 2 contrast, 3 saturation, 4 hue; all 0
                where nothing is changed.
            factors: float32 tensor (batch, 4), the factors of brightness,
                contrast and saturation, and the turn of the hue.
        """
        chosen_seed, order_seed, factor_seed, hue_seed = split_seed(seed, 4)
        chosen = tf.random.stateless_uniform((batch, 1), chosen_seed)
        order = tf.argsort(tf.random.stateless_uniform((batch, 4), order_seed))
        order = tf.where(chosen < self.jitter_probability, order + 1, 0)
        spread = 0.8 * self.strength
        factors = tf.random.stateless_uniform(
            (batch, 3), factor_seed, 1.0 - spread, 1.0 + spread
        )
        turns = tf.random.stateless_uniform((batch, 1), hue_seed, -0.2, 0.2)
        return order, tf.concat([factors, self.strength * turns], axis=1)

    def jitter(self, images, seed):
        """Returns images with other colors, each by steps of its own order."""
        order, factors = self.draw_colors(tf.shape(images)[0], seed)
        steps = [
            None,
            lambda part, drawn: _ops.brightness(part, drawn[:, 0]),
            lambda part, drawn: _ops.contrast(part, drawn[:, 1]),
            lambda part, drawn: _ops.color(part, drawn[:, 2]),
            lambda part, drawn: turn_hue(part, drawn[:, 3]),
        ]
        shape = images.shape
        for number in range(4):
            images = by_part(order[:, number], steps, images, factors)
        return tf.ensure_shape(images, shape)

    def get_config(self):
        """Returns the arguments of `__init__`, a dict."""
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


def turn_hue(images, turns):
    """Turns the hue of each image.

    Args:
        images: uint8 tensor (batch, height, width, channels).
        turns: float32 tensor (batch,), 1 for once around the color wheel.

    Returns:
        A uint8 tensor of the shape of `images`, rounded; the same images where
        they have one channel.
    """
    if images.shape[-1] == 1:
        return images
    hsv = tf.image.rgb_to_hsv(tf.cast(images, tf.float32) / 255)
    hue, rest = hsv[..., :1], hsv[..., 1:]
    hue = tf.math.floormod(hue + turns[:, None, None, None], 1.0)
    rgb = tf.image.hsv_to_rgb(tf.concat([hue, rest], axis=-1))
    return tf.saturate_cast(tf.round(rgb * 255), tf.uint8)
