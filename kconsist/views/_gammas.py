"""Logarithms of gamma variables, from which Beta and Dirichlet are made."""

import tensorflow as tf


def sample_log_gamma(shape, seeds, alpha):
    """Samples logarithms of Gamma(α) variables, accurate for small α too.

    For two such samples a and b, sigmoid(a - b) is Beta(α, α). For several,
    their softmax is Dirichlet(α, …, α).

    Args:
        shape: tuple of ints or int scalars.
        seeds: two int tensors (2,).
        alpha (α): float > 0.

    Returns:
        A float64 tensor of the given shape.
    """
    # Gamma(α) is Gamma(α + 1) times u^(1/α).
    gamma_seed, power_seed = seeds
    gammas = tf.random.stateless_gamma(
        shape, gamma_seed, alpha + 1, dtype=tf.float64
    )
    powers = tf.random.stateless_uniform(shape, power_seed, dtype=tf.float64)
    return tf.math.log(gammas) + tf.math.log1p(-powers) / alpha
