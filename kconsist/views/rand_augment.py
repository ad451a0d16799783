"""RandAugment: random operations for each image.

Each image goes through `num_ops` rounds. Each round samples one operation, its
magnitude, and whether to apply it. The defaults are FixMatch's for CIFAR.

Reference: Cubuk et al. 2020 (https://arxiv.org/abs/1909.13719); ranges as in
FixMatch (https://github.com/google-research/fixmatch, `third_party/
auto_augment/augmentations.py` and `libml/augment.py`).
"""

from functools import partial

import keras
import tensorflow as tf

from kconsist.views._dispatch import dispatch
from kconsist.views._magnitudes import ALL_OPS, GEOMETRIC_OPS, apply_op
from kconsist.views._outside import fill_late, outside_pixels
from kconsist.views._seeds import split_seed
from kconsist.views.view import View

FIXMATCH_OPS = (
    "Identity",
    "AutoContrast",
    "Equalize",
    "Rotate",
    "Solarize",
    "Color",
    "Contrast",
    "Brightness",
    "Sharpness",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Posterize",
)


@keras.saving.register_keras_serializable(package="kconsist")
class RandAugment(View):
    """Applies random operations, sampled for each image independently.

    At magnitude m of 10 the operations are:

    | operation | effect |
    |---|---|
    | Identity, AutoContrast, Equalize, Invert | the same at every magnitude |
    | Rotate | int(30 m / 10) degrees, either way |
    | ShearX, ShearY | 0.3 m / 10, either way |
    | TranslateX, TranslateY | int(side 10/32 m / 10) pixels, either way |
    | Color, Contrast, Brightness, Sharpness | factor 0.1 + 1.8 m / 10 |
    | Solarize | inverts values from 256 - int(256 m / 10) |
    | SolarizeAdd | adds int(110 m / 10) to values below 128 |
    | Posterize | keeps 4 - int(4 m / 10) bits, at least 1 |

    Each operation equals Pillow's. Where Rotate, Shear and Translate read from
    outside the image they leave black, as in Pillow. After the last round these
    pixels are set to `fill`, unless a table operation (AutoContrast, Equalize,
    Invert, Solarize, SolarizeAdd, Posterize) came after them. This follows the
    published code, which replaces transparent pixels by mid-gray and loses
    transparency in table operations.

    Args:
        num_ops: int, the number of rounds. Defaults to `2`.
        magnitude: int or float in [0, 10], the magnitude of every operation;
            or `None`, an integer from 1 to 9 for each image and round. Defaults
            to `None`.
        probability: float in [0, 1], the probability that a sampled operation
            is applied; `None` is 0.5 if `magnitude` is `None`, else 1. Defaults
            to `None`.
        ops: list of names of operations, sampled uniformly; `None` is
            FixMatch's 14, all of the table but Invert and SolarizeAdd. Defaults
            to `None`.
        fill: int in [0, 255], the value of pixels from outside the image;
            `None` leaves Pillow's black. Defaults to `127`.

    Example:
        ```python
        import numpy as np
        from kconsist.views import Compose, Cutout, FlipCrop, RandAugment

        images = np.zeros((4, 32, 32, 3), "uint8")
        strong = Compose([FlipCrop(), RandAugment(), Cutout()])
        strong_images = strong(images, seed=0)
        ```
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: float | None = None,
        probability: float | None = None,
        ops: list[str] | None = None,
        fill: int | None = 127,
    ):
        if not isinstance(num_ops, int) or num_ops < 1:
            raise ValueError(f"num_ops must be an int >= 1, got {num_ops!r}")
        if magnitude is not None and not 0 <= magnitude <= 10:
            raise ValueError(
                f"magnitude must be None or in [0, 10], got {magnitude}"
            )
        if probability is not None and not 0 <= probability <= 1:
            raise ValueError(
                f"probability must be None or in [0, 1], got {probability}"
            )
        if fill is not None and not 0 <= fill <= 255:
            raise ValueError(f"fill must be None or in [0, 255], got {fill}")
        if isinstance(ops, str) or (ops is not None and not ops):
            raise ValueError(f"ops must be a list of names, got {ops!r}")
        unknown = [name for name in ops or [] if name not in ALL_OPS]
        if unknown:
            raise ValueError(f"ops must be names from {ALL_OPS}, got {unknown}")
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.probability = probability
        self.ops = ops if ops is None else list(ops)
        self.fill = fill

    @tf.autograph.experimental.do_not_convert
    def transform(self, images, seed):
        """Returns augmented images, (batch, height, width, channels)."""
        choices, magnitudes, signs = self.sample(tf.shape(images)[0], seed)
        fill = self.fill or 0
        filled, late = outside_pixels(self.ops or FIXMATCH_OPS, choices)
        at_once = fill * tf.cast(filled & ~late, tf.uint8)
        operations = choices, magnitudes, signs, at_once
        for number in range(self.num_ops):
            images = self.apply_round(
                images, *(t[:, number] for t in operations)
            )
        if self.fill is None or self.num_ops == 1:
            return images
        indices = tf.where(filled, self.geometric_indices(choices), -1)
        filled = fill_late(images, indices, magnitudes, signs, late, fill)
        return tf.ensure_shape(filled, images.shape)

    def sample(self, batch: int, seed) -> tuple:
        """Samples the operations of each image in each round.

        Args:
            batch: int, the number of images.
            seed: int tensor (2,).

        Returns:
            choices: int32 tensor (batch, num_ops), the index of the operation,
                -1 for none.
            magnitudes: float64 tensor (batch, num_ops).
            signs: float64 tensor (batch, num_ops), 1 or -1.
        """
        names = self.ops or FIXMATCH_OPS
        shape = (batch, self.num_ops)
        choice_seed, magnitude_seed, sign_seed, apply_seed = split_seed(seed, 4)
        choices = tf.random.stateless_uniform(
            shape, choice_seed, 0, len(names), tf.int32
        )
        probability = self.probability
        if probability is None:
            probability = 0.5 if self.magnitude is None else 1.0
        uniform = tf.random.stateless_uniform(shape, apply_seed)
        choices = tf.where(uniform < probability, choices, -1)
        if self.magnitude is None:
            magnitudes = tf.random.stateless_uniform(
                shape, magnitude_seed, 1, 10, tf.int32
            )
            magnitudes = tf.cast(magnitudes, tf.float64)
        else:
            magnitudes = tf.fill(shape, tf.constant(self.magnitude, tf.float64))
        bits = tf.random.stateless_uniform(shape, sign_seed, 0, 2, tf.int32)
        return choices, magnitudes, tf.cast(2 * bits - 1, tf.float64)

    def apply_round(self, images, choices, magnitudes, signs, fill):
        """Applies one operation to each image.

        The batch is partitioned by operation, so that each operation runs on
        its own images only. All geometric operations are one partition.

        Args:
            images: uint8 tensor (batch, height, width, channels).
            choices: int32 tensor (batch,), -1 for none.
            magnitudes: float64 tensor (batch,).
            signs: float64 tensor (batch,), 1 or -1.
            fill: uint8 tensor (batch,), the value of pixels that geometric
                operations read from outside the image.

        Returns:
            A uint8 tensor of the shape of `images`.
        """
        names = ["Identity", *(self.ops or FIXMATCH_OPS)]
        names = ["geometric" if n in GEOMETRIC_OPS else n for n in names]
        unique = list(dict.fromkeys(names))
        branch_of_name = tf.constant([unique.index(name) for name in names])

        result = dispatch(
            tf.gather(branch_of_name, choices + 1),
            [partial(apply_op, name) for name in unique],
            images,
            self.geometric_indices(choices),
            magnitudes,
            signs,
            fill,
        )
        return tf.ensure_shape(result, images.shape)

    def geometric_indices(self, choices):
        """Returns the indices into `GEOMETRIC_OPS`, -1 for other choices."""
        names = ["Identity", *(self.ops or FIXMATCH_OPS)]
        indices = [
            GEOMETRIC_OPS.index(name) if name in GEOMETRIC_OPS else -1
            for name in names
        ]
        return tf.gather(tf.constant(indices), choices + 1)

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {
            **super().get_config(),
            "num_ops": self.num_ops,
            "magnitude": self.magnitude,
            "probability": self.probability,
            "ops": self.ops,
            "fill": self.fill,
        }
