"""Mixing within a training step, where XLA has no Beta draws.

Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"; the larger part
of a draw is MixMatch's, Berthelot et al. 2019. What is drawn is mixed as
`kconsist.views.MixUp` does in the pipeline, by `kconsist.views.mix_up.mix`.
"""

import numpy as np
from keras import ops


def mixup_lambda(uniform, alpha):
    """Returns max(λ, 1 - λ) for λ ~ Beta(α, α), from uniform draws.

    Args:
        uniform: float32 tensor (size,) in [0, 1].
        alpha: α, 0 or more; 0 gives ones.

    Returns:
        float32 tensor (size,) in [1/2, 1].
    """
    if alpha == 0:
        return ops.ones_like(uniform)
    table = ops.convert_to_tensor(quantiles(alpha))
    place = uniform * (table.shape[0] - 1)
    below = ops.minimum(ops.cast(place, "int32"), table.shape[0] - 2)
    rest = place - ops.cast(below, "float32")
    return (1 - rest) * ops.take(table, below) + rest * ops.take(
        table, below + 1
    )


def quantiles(alpha, size=1025, cells=2**16):
    """Returns the quantiles of max(λ, 1 - λ) at 1 … 0, an array (size,)."""
    # The density of x = min(λ, 1 - λ) is x^(α-1) (1 - x)^(α-1) up to 1/2. Its
    # first factor may be infinite at 0, so it is integrated in closed form.
    edges = np.linspace(0, 1, cells + 1) ** max(1, 1 / alpha)  # 2x
    middles = (edges[1:] + edges[:-1]) / 4
    mass = np.diff(edges**alpha) * (1 - middles) ** (alpha - 1)
    cumulative = np.append(0, np.cumsum(mass))
    points = np.linspace(0, cumulative[-1], size)
    return 1 - np.interp(points, cumulative, edges / 2).astype("float32")
