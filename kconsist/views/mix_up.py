"""MixUp: images and labels mixed with those of other examples.

It belongs in the input pipeline: it samples from a Beta distribution, which XLA
does not support in a training step.

Reference: Zhang et al. 2018 (https://arxiv.org/abs/1710.09412). One weight per
example, and max(λ, 1 - λ) as an option, are MixMatch's, Berthelot et al. 2019
(https://arxiv.org/abs/1905.02249).
"""

import keras
import tensorflow as tf

from kconsist.mixing import mixup
from kconsist.views._gammas import sample_log_gamma
from kconsist.views._seeds import as_seed, fold_in, split_seed
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class MixUp(View):
    """Mixes each example with another one, by a random permutation.

    Like a view it is called with a stateless seed, but it takes and returns
    labels together with the images: example i becomes λ[i] times itself plus
    1 - λ[i] times example permutation[i]. Images keep their dtype; uint8 images
    are rounded.

    Args:
        alpha (α): float > 0; the weights λ are sampled from Beta(α, α).
            Defaults to `0.75`, MixMatch's for CIFAR-10.
        per_example: bool, whether to sample one weight per example, or one for
            the whole batch. Defaults to `True`.
        at_least_half: bool, whether to replace λ by max(λ, 1 - λ), so that at
            least half of each result is the example itself. Defaults to
            `False`; MixMatch uses `True`.

    Example:
        ```python
        import keras
        import numpy as np
        from kconsist.views import MixUp

        images = np.zeros((4, 32, 32, 3), "uint8")
        labels = keras.utils.to_categorical([0, 1, 2, 1], 3)
        images, labels = MixUp(alpha=0.2)(images, labels, seed=0)
        ```
    """

    def __init__(
        self,
        alpha: float = 0.75,
        per_example: bool = True,
        at_least_half: bool = False,
    ):
        if not alpha > 0:
            raise ValueError(f"alpha must be > 0, got {alpha}")
        self.alpha = alpha
        self.per_example = per_example
        self.at_least_half = at_least_half

    def __call__(self, images, labels, seed) -> tuple:  # type: ignore[override]
        """Returns the mixed images and labels.

        Args:
            images: uint8 or float tensor (batch, ...).
            labels: float tensor (batch, classes), one-hot or probabilities.
            seed: an int, or an int tensor of shape (2,).

        Returns:
            Two tensors of the shapes and dtypes of `images` and `labels`.
        """
        images, labels = map(tf.convert_to_tensor, (images, labels))
        if labels.shape.rank != 2 or not labels.dtype.is_floating:
            raise ValueError(
                "labels must be floats of shape (batch, classes), for example "
                "from keras.utils.to_categorical, got "
                f"{labels.dtype.name} of shape {labels.shape}"
            )
        weights, permutation = self.sample(tf.shape(images)[0], seed)
        return tuple(mixup(x, weights, permutation) for x in (images, labels))

    @tf.autograph.experimental.do_not_convert
    def sample(self, batch: int, seed) -> tuple:
        """Samples the weights and the permutation.

        Args:
            batch: int, the number of examples.
            seed: an int, or an int tensor of shape (2,).

        Returns:
            weights: float32 tensor (batch,), λ.
            permutation: int32 tensor (batch,), the other example of each.
        """
        seed = fold_in(as_seed(seed), self.key())
        gamma_seed, power_seed, order_seed = split_seed(seed, 3)
        shape = (2, batch if self.per_example else 1)
        logs = sample_log_gamma(shape, (gamma_seed, power_seed), self.alpha)
        weights = tf.cast(tf.sigmoid(logs[0] - logs[1]), tf.float32)
        if self.at_least_half:
            weights = tf.maximum(weights, 1 - weights)
        order = tf.random.stateless_uniform((batch,), order_seed)
        return tf.broadcast_to(weights, (batch,)), tf.argsort(order)

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "per_example": self.per_example,
            "at_least_half": self.at_least_half,
        }
