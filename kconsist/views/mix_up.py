"""MixUp: images and labels blended with those of other examples.

It belongs into the pipeline: its weights are drawn from a Beta distribution,
which XLA cannot do in a training step.

Reference: Zhang et al. 2018 (https://arxiv.org/abs/1710.09412); one weight for
each example, and the larger part for the example itself, as in MixMatch,
Berthelot et al. 2019 (https://arxiv.org/abs/1905.02249).
"""

import keras
import tensorflow as tf

from kconsist.mixing import mixup
from kconsist.views._gammas import log_gammas
from kconsist.views._seeds import as_seed, fold_in, split_seed
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class MixUp(View):
    """Blends each example with another one of the batch, drawn at random.

    It is called as a view is, with a stateless seed, but takes and returns
    images together with labels: example i becomes weight[i] times itself plus
    1 - weight[i] times example permutation[i]. Images that are uint8 stay so,
    rounded; others keep their dtype.

    Args:
        alpha (α): float > 0; weights (λ) are drawn from Beta(α, α). Defaults to
            `0.75`, MixMatch's for CIFAR-10.
        per_example: bool, draw a weight for each example, or one for the whole
            batch. Defaults to `True`.
        own_part_larger: bool, use the larger one of λ and 1 - λ as weight.
            Defaults to `False`; MixMatch has `True`.

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

    def __init__(self, alpha=0.75, per_example=True, own_part_larger=False):
        if not alpha > 0:
            raise ValueError(f"alpha must be > 0, got {alpha}")
        self.alpha = alpha
        self.per_example = per_example
        self.own_part_larger = own_part_larger

    def __call__(self, images, labels, seed):
        """Returns mixed images and labels.

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
                "labels must be floats of shape (batch, classes), such as from "
                f"keras.utils.to_categorical, got {labels.dtype.name} of shape "
                f"{labels.shape}"
            )
        weights, permutation = self.draw(tf.shape(images)[0], seed)
        return tuple(mixup(x, weights, permutation) for x in (images, labels))

    @tf.autograph.experimental.do_not_convert
    def draw(self, batch, seed):
        """Draws the weights and the partners.

        Args:
            batch: int, the number of examples.
            seed: an int, or an int tensor of shape (2,).

        Returns:
            weights: float32 tensor (batch,), each example's own part.
            permutation: int32 tensor (batch,), each example's partner.
        """
        seed = fold_in(as_seed(seed), self.key())
        gamma_seed, power_seed, partner_seed = split_seed(seed, 3)
        shape = (2, batch if self.per_example else 1)
        logs = log_gammas(shape, (gamma_seed, power_seed), self.alpha)
        weights = tf.cast(tf.sigmoid(logs[0] - logs[1]), tf.float32)
        if self.own_part_larger:
            weights = tf.maximum(weights, 1 - weights)
        order = tf.random.stateless_uniform((batch,), partner_seed)
        return tf.broadcast_to(weights, (batch,)), tf.argsort(order)

    def get_config(self):
        """Returns the arguments of `__init__`, a dict."""
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "per_example": self.per_example,
            "own_part_larger": self.own_part_larger,
        }
