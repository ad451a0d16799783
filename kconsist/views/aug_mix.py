"""AugMix: a mixture of each image and augmented copies of it.

Reference: Hendrycks et al. 2020, "AugMix: A Simple Data Processing Method to
Improve Robustness and Uncertainty" (https://arxiv.org/abs/1912.02781),
section 3 and algorithm 1.
"""

import keras
import tensorflow as tf

from kconsist.views._gammas import sample_log_gamma
from kconsist.views._seeds import split_seed
from kconsist.views.rand_augment import RandAugment
from kconsist.views.view import View

# Without Color, Contrast, Brightness and Sharpness, which overlap with the
# corruptions of the benchmark (section 3).
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
    """Mixes each image with augmented copies of it.

    Each of `width` chains applies 1 to `max_depth` operations to the image,
    each at a magnitude sampled uniformly from 0.1 to `severity`. With weights
    w ~ Dirichlet(α, …, α) and m ~ Beta(α, α), the view is
    m · image + (1 - m) · Σ w_i chain_i(image), rounded once.

    The operations and their magnitudes are those of `RandAugment`; pixels from
    outside the image are black. The published code differs in two places: it
    interpolates bilinearly, where Pillow's default and this view take the
    nearest pixel; and it translates by a third of the side at magnitude 10,
    where this view translates by 10/32.

    The paper trains with a Jensen-Shannon loss between the predictions on the
    image and on two such views. Here AugMix is the noisy view of any method.

    Args:
        severity: int or float in [0.1, 10], the largest magnitude. Defaults to
            `3`.
        width (k): int, the number of chains. Defaults to `3`.
        max_depth: int, the largest number of operations in a chain. Defaults
            to `3`.
        alpha (α): float > 0. Defaults to `1.0`.
        ops: list of names of operations of `RandAugment`, sampled uniformly;
            `None` is the paper's nine, which leave out those that overlap with
            the corruptions of CIFAR-10-C. Defaults to `None`.

    Example:
        ```python
        import numpy as np
        from kconsist.views import AugMix, Compose, FlipCrop

        images = np.zeros((4, 32, 32, 3), "uint8")
        noisy = Compose([FlipCrop(), AugMix()])
        noisy_images = noisy(images, seed=0)
        ```
    """

    def __init__(
        self,
        severity: float = 3,
        width: int = 3,
        max_depth: int = 3,
        alpha: float = 1.0,
        ops: list[str] | None = None,
    ):
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
        # Checks the names and applies the operations.
        self.augment = RandAugment(ops=list(AUGMIX_OPS) if ops is None else ops)
        self.ops: list = self.augment.ops or []

    @tf.autograph.experimental.do_not_convert
    def transform(self, images, seed):
        """Returns mixed images, (batch, height, width, channels)."""
        batch = tf.shape(images)[0]
        choices, magnitudes, signs, chain_weights, image_weight = self.sample(
            batch, seed
        )
        chains = tf.repeat(images, self.width, axis=0)
        black = tf.zeros((batch * self.width,), tf.uint8)
        for depth in range(self.max_depth):
            choice, magnitude, sign = (
                tensor[:, depth] for tensor in (choices, magnitudes, signs)
            )
            chains = self.augment.apply_round(
                chains, choice, magnitude, sign, black
            )
        shape = tf.concat([(batch, self.width), tf.shape(images)[1:]], 0)
        chains = tf.reshape(tf.cast(chains, tf.float32), shape)
        mixed = tf.einsum("bk,bkhwc->bhwc", chain_weights, chains)
        m = image_weight[:, None, None, None]
        mixed = m * tf.cast(images, tf.float32) + (1 - m) * mixed
        mixed = tf.saturate_cast(tf.round(mixed), tf.uint8)
        return tf.ensure_shape(mixed, images.shape)

    def sample(self, batch: int, seed) -> tuple:
        """Samples the operations and weights of each image.

        Args:
            batch: int, the number of images.
            seed: int tensor (2,).

        Returns:
            choices: int32 tensor (batch * width, max_depth), the index of each
                operation, -1 for none; the chains of an image are consecutive.
            magnitudes: float64 tensor of the same shape.
            signs: float64 tensor of the same shape, 1 or -1.
            chain_weights: float32 tensor (batch, width), w.
            image_weight: float32 tensor (batch,), m.
        """
        choice_seed, depth_seed, magnitude_seed, sign_seed, mix_seed = (
            split_seed(seed, 5)
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
        magnitudes = tf.random.stateless_uniform(
            shape, magnitude_seed, 0.1, self.severity, tf.float64
        )
        bits = tf.random.stateless_uniform(shape, sign_seed, 0, 2, tf.int32)
        signs = tf.cast(2 * bits - 1, tf.float64)
        log_gammas = sample_log_gamma(
            (batch, self.width + 2), split_seed(mix_seed, 2), self.alpha
        )
        log_gammas = tf.cast(log_gammas, tf.float32)
        chain_weights = tf.nn.softmax(log_gammas[:, :-2])
        image_weight = tf.sigmoid(log_gammas[:, -2] - log_gammas[:, -1])
        return choices, magnitudes, signs, chain_weights, image_weight

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {
            **super().get_config(),
            "severity": self.severity,
            "width": self.width,
            "max_depth": self.max_depth,
            "alpha": self.alpha,
            "ops": self.ops,
        }
