"""AugMix: a blend of the image and of chains of operations on it.

Reference: Hendrycks et al. 2020, "AugMix: A Simple Data Processing Method to
Improve Robustness and Uncertainty" (https://arxiv.org/abs/1912.02781),
section 3 and algorithm 1.
"""

import keras
import tensorflow as tf

from kconsist.views._gammas import log_gammas
from kconsist.views._seeds import split_seed
from kconsist.views.rand_augment import RandAugment
from kconsist.views.view import View

# Color, Contrast, Brightness and Sharpness would show corruptions of the
# benchmark (section 3).
AUGMIX_OPS = (
    "AutoContrast",
    "Equalize",
    "Posterize",
    "Rotate",
    "Solarize",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
)


@keras.saving.register_keras_serializable(package="kconsist")
class AugMix(View):
    """Blends each image with a mixture of augmented copies of it.

    `width` chains of 1 to `max_depth` operations start from the image; every
    operation draws its level anew, uniform from 0.1 to `severity`. With
    w ~ Dirichlet(α, …, α) and m ~ Beta(α, α), the view is
    m · image + (1 - m) · Σ w_i chain_i(image), rounded once.

    The operations are those of `RandAugment`, at the same levels, with black
    where geometric ones bring pixels in. The published code differs in two
    places: it moves images with bilinear interpolation, where Pillow's default
    and this view take the nearest pixel; and it translates by a third of the
    side at level 10, where this view takes 10/32.

    The paper trains with a Jensen-Shannon loss between three answers, on the
    image and on two such views; here it is the noisy view of any method.

    Args:
        severity: int or float in [0.1, 10], the highest level. Defaults to
            `3`.
        width (k): int, the number of chains. Defaults to `3`.
        max_depth: int, the most operations of a chain. Defaults to `3`.
        alpha (α): float > 0. Defaults to `1.0`.
        ops: list of names of operations to draw from, of `RandAugment`'s;
            `None` is the paper's nine, which leave out what is close to the
            corruptions of CIFAR-10-C. Defaults to `None`.

    Example:
        ```python
        import numpy as np
        from kconsist.views import AugMix, Compose, FlipCrop

        images = np.zeros((4, 32, 32, 3), "uint8")
        noisy = Compose([FlipCrop(), AugMix()])
        noisy_images = noisy(images, seed=0)
        ```
    """

    def __init__(self, severity=3, width=3, max_depth=3, alpha=1.0, ops=None):
        if not 0.1 <= severity <= 10:
            raise ValueError(f"severity must be in [0.1, 10], got {severity}")
        for name, value in (("width", width), ("max_depth", max_depth)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an int >= 1, got {value!r}")
        if not alpha > 0:
            raise ValueError(f"alpha must be > 0, got {alpha}")
        self.severity = severity
        self.width = width
        self.max_depth = max_depth
        self.alpha = alpha
        # Checks the names, and applies the operations.
        self.augment = RandAugment(ops=AUGMIX_OPS if ops is None else ops)
        self.ops = self.augment.ops

    @tf.autograph.experimental.do_not_convert
    def transform(self, images, seed):
        """Returns blended images, (batch, height, width, channels)."""
        batch = tf.shape(images)[0]
        choices, levels, signs, shares, kept = self.draw(batch, seed)
        chains, alpha = tf.repeat(images, self.width, axis=0), None
        for number in range(self.max_depth):
            chains, alpha = self.augment.one_round(
                chains,
                alpha,
                *(drawn[:, number] for drawn in (choices, levels, signs)),
            )
        shape = tf.concat([(batch, self.width), tf.shape(images)[1:]], 0)
        chains = tf.reshape(tf.cast(chains, tf.float32), shape)
        mixed = tf.einsum("bk,bkhwc->bhwc", shares, chains)
        kept = kept[:, None, None, None]
        mixed = kept * tf.cast(images, tf.float32) + (1 - kept) * mixed
        mixed = tf.saturate_cast(tf.round(mixed), tf.uint8)
        return tf.ensure_shape(mixed, images.shape)

    def draw(self, batch, seed):
        """Draws what happens to each image.

        Args:
            batch: int, the number of images.
            seed: int tensor (2,).

        Returns:
            The chains' operations (int32, -1 for none), levels (float64) and
            signs (float64), (batch * width, max_depth), all chains of an image
            one after the other; the chains' shares (float32), (batch, width);
            and the image's own share (float32), (batch,).
        """
        choice_seed, depth_seed, level_seed, sign_seed, mix_seed = split_seed(
            seed, 5
        )
        count = batch * self.width
        shape = (count, self.max_depth)
        choices = tf.random.stateless_uniform(
            shape, choice_seed, 0, len(self.ops), tf.int32
        )
        depths = tf.random.stateless_uniform(
            (count, 1), depth_seed, 1, self.max_depth + 1, tf.int32
        )
        choices = tf.where(tf.range(self.max_depth) < depths, choices, -1)
        levels = tf.random.stateless_uniform(
            shape, level_seed, 0.1, self.severity, tf.float64
        )
        signs = tf.random.stateless_uniform(shape, sign_seed, 0, 2, tf.int32)
        logs = log_gammas(
            (batch, self.width + 2), split_seed(mix_seed, 2), self.alpha
        )
        logs = tf.cast(logs, tf.float32)
        shares = tf.nn.softmax(logs[:, :-2])
        kept = tf.sigmoid(logs[:, -2] - logs[:, -1])
        return choices, levels, tf.cast(2 * signs - 1, tf.float64), shares, kept

    def get_config(self):
        """Returns the arguments of `__init__`, a dict."""
        return {
            **super().get_config(),
            "severity": self.severity,
            "width": self.width,
            "max_depth": self.max_depth,
            "alpha": self.alpha,
            "ops": self.ops,
        }
