"""RandAugment: operations drawn at random for each image.

Each image goes through `num_ops` rounds; in each round it draws one operation,
its strength, and whether to apply it. The defaults are FixMatch's for CIFAR.

Reference: Cubuk et al. 2020 (https://arxiv.org/abs/1909.13719); ranges as in
FixMatch (https://github.com/google-research/fixmatch, `third_party/
auto_augment/augmentations.py` and `libml/augment.py`).
"""

from functools import partial

import keras
import tensorflow as tf

from kconsist.views import _magnitudes
from kconsist.views._dispatch import by_part
from kconsist.views._magnitudes import ALL_OPS, GEOMETRIC
from kconsist.views._seeds import split_seed
from kconsist.views.cutout import paint
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
    """Applies random operations, drawn for each image on its own.

    At level m of 10 an operation does:

    | operation | effect |
    |---|---|
    | Identity, AutoContrast, Equalize, Invert | the same at every level |
    | Rotate | int(30 m / 10) degrees, either way |
    | ShearX, ShearY | 0.3 m / 10, either way |
    | TranslateX, TranslateY | int(side 10/32 m / 10) pixels, either way |
    | Color, Contrast, Brightness, Sharpness | factor 0.1 + 1.8 m / 10 |
    | Solarize | inverts values from 256 - int(256 m / 10) |
    | SolarizeAdd | adds int(110 m / 10) to values below 128 |
    | Posterize | keeps 4 - int(4 m / 10) bits, at least 1 |

    Every operation equals Pillow's. Rotate, Shear and Translate bring in black,
    as in Pillow, but at the end, where no table operation (AutoContrast,
    Equalize, Invert, Solarize, SolarizeAdd, Posterize) came after them, what
    they brought in is set to `fill`: the published code does that by an alpha
    channel that it replaces by mid grey.

    Args:
        num_ops: int, the number of rounds. Defaults to `2`.
        magnitude: int or float in [0, 10], the level of every operation; or
            `None`, an integer from 1 to 9 for each image and round. Defaults to
            `None`.
        probability: float in [0, 1], how likely a drawn operation is applied;
            `None` is 0.5 where `magnitude` is `None` and 1 where it is given.
            Defaults to `None`.
        ops: list of names of operations to draw from; `None` is the 14 of
            FixMatch, all in the table but Invert and SolarizeAdd. Defaults to
            `None`.
        fill: int in [0, 255], the value that geometric operations bring in; or
            `None`, Pillow's black whatever comes after. Defaults to `127`.

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
        self, num_ops=2, magnitude=None, probability=None, ops=None, fill=127
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
            raise ValueError(
                f"ops must be names out of {ALL_OPS}, got {unknown}"
            )
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.probability = probability
        self.ops = ops if ops is None else list(ops)
        self.fill = fill

    @tf.autograph.experimental.do_not_convert
    def transform(self, images, seed):
        """Returns augmented images, (batch, height, width, channels)."""
        choices, levels, signs = self.draw(tf.shape(images)[0], seed)
        alpha = None  # As in `levels.apply`.
        for number in range(self.num_ops):
            drawn = (tensor[:, number] for tensor in (choices, levels, signs))
            images, alpha = self.one_round(images, alpha, *drawn)
        if self.fill is None:
            return images
        return self.fill_in(images, alpha, choices)

    def fill_in(self, images, alpha, choices):
        """Returns images with `fill` where alpha is 0.

        Only images that have drawn a geometric operation are looked at.
        """
        names = ["Identity", *(self.ops or FIXMATCH_OPS)]
        moves = tf.constant([int(name in GEOMETRIC) for name in names])
        part = tf.reduce_max(tf.gather(moves, choices + 1), axis=1)

        def fill(images, alpha):
            outside = tf.bitwise.invert(alpha)
            outside = tf.broadcast_to(outside, tf.shape(images))
            return paint(images, outside, self.fill)

        filled = by_part(part, [None, fill], images, alpha)
        return tf.ensure_shape(filled, images.shape)

    def draw(self, batch, seed):
        """Draws what happens to each image in each round.

        Args:
            batch: int, the number of images.
            seed: int tensor (2,).

        Returns:
            Three tensors (batch, num_ops): the number of the operation (int32,
            -1 for none), its level (float64) and its sign (float64, 1 or -1).
        """
        names = self.ops or FIXMATCH_OPS
        shape = (batch, self.num_ops)
        choice_seed, level_seed, sign_seed, apply_seed = split_seed(seed, 4)
        choices = tf.random.stateless_uniform(
            shape, choice_seed, 0, len(names), tf.int32
        )
        probability = self.probability
        if probability is None:
            probability = 0.5 if self.magnitude is None else 1.0
        drawn = tf.random.stateless_uniform(shape, apply_seed)
        choices = tf.where(drawn < probability, choices, -1)
        if self.magnitude is None:
            levels = tf.random.stateless_uniform(
                shape, level_seed, 1, 10, tf.int32
            )
            levels = tf.cast(levels, tf.float64)
        else:
            levels = tf.fill(shape, tf.constant(self.magnitude, tf.float64))
        signs = tf.random.stateless_uniform(shape, sign_seed, 0, 2, tf.int32)
        return choices, levels, tf.cast(2 * signs - 1, tf.float64)

    def one_round(self, images, alpha, choices, levels, signs):
        """Applies to each image the operation it has drawn.

        The batch is parted by operation (the geometric ones are one part), so
        that each works on its own images only, and put together again.
        """
        names = ["Identity", *(self.ops or FIXMATCH_OPS)]
        kinds = [GEOMETRIC.index(n) if n in GEOMETRIC else -1 for n in names]
        names = ["geometry" if n in GEOMETRIC else n for n in names]
        order = list(dict.fromkeys(names))
        parts = [order.index(name) for name in names]
        part = tf.gather(tf.constant(parts), choices + 1)
        kinds = tf.gather(tf.constant(kinds), choices + 1)

        functions = [partial(_magnitudes.apply, name) for name in order]
        result, alpha = by_part(
            part, functions, images, alpha, kinds, levels, signs
        )
        return tf.ensure_shape(result, images.shape), alpha

    def get_config(self):
        """Returns the arguments of `__init__`, a dict."""
        return {
            **super().get_config(),
            "num_ops": self.num_ops,
            "magnitude": self.magnitude,
            "probability": self.probability,
            "ops": self.ops,
            "fill": self.fill,
        }
