"""mixup: convex combinations of pairs of examples and of their labels.

`mixup` runs in the input pipeline (`kconsist.views.MixUp`) and in the training
step (`kconsist.MixMatch`). XLA has no Beta distribution, so the training step
samples λ with `mixup_lambda`, from a table of quantiles.

Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"
(https://arxiv.org/abs/1710.09412); max(λ, 1 - λ) as in MixMatch, Berthelot et
al. 2019.
"""

import numpy as np
import tensorflow as tf
from keras import ops


def mixup(values, lam, permutation):
    """Returns λ · values + (1 - λ) · values[permutation].

    Args:
        values: uint8 or float tensor (batch, …).
        lam: float32 tensor (batch,), the weight (λ) of `values`.
        permutation: integer tensor (batch,), the index of each example's
            partner.

    Returns:
        Tensor with the shape and dtype of `values`; uint8 is rounded.
    """
    values = tf.convert_to_tensor(values)
    floats = tf.cast(values, tf.float32)
    lam = tf.reshape(lam, (-1, *[1] * (values.shape.rank - 1)))
    mixed = lam * floats + (1 - lam) * tf.gather(floats, permutation)
    if values.dtype == tf.uint8:
        mixed = tf.round(mixed)
    return tf.cast(mixed, values.dtype)


def mixup_lambda(uniform, alpha: float):
    """Samples max(λ, 1 - λ), λ ~ Beta(α, α), from uniform random numbers.

    Args:
        uniform: float32 tensor (size,) in [0, 1].
        alpha: parameter (α) of the Beta distribution, 0 or more; 0 returns
            ones.

    Returns:
        float32 tensor (size,) in [1/2, 1].
    """
    if alpha == 0:
        return ops.ones_like(uniform)
    table = ops.convert_to_tensor(quantiles(alpha))
    position = uniform * (table.shape[0] - 1)
    below = ops.minimum(ops.cast(position, "int32"), table.shape[0] - 2)
    fraction = position - ops.cast(below, "float32")
    low, high = ops.take(table, below), ops.take(table, below + 1)
    return (1 - fraction) * low + fraction * high


def quantiles(alpha: float, size: int = 1025, cells: int = 2**16) -> np.ndarray:
    """Returns the quantiles of max(λ, 1 - λ) from 1 to 0, float32 (size,)."""
    # The density of x = min(λ, 1 - λ) is proportional to
    # x^(α-1) (1 - x)^(α-1) on [0, 1/2]. The first factor may be infinite at 0,
    # so it is integrated in closed form.
    edges = np.linspace(0, 1, cells + 1) ** max(1, 1 / alpha)  # 2x
    middles = (edges[1:] + edges[:-1]) / 4
    mass = np.diff(edges**alpha) * (1 - middles) ** (alpha - 1)
    cumulative = np.append(0, np.cumsum(mass))
    points = np.linspace(0, cumulative[-1], size)
    return 1 - np.interp(points, cumulative, edges / 2).astype("float32")
