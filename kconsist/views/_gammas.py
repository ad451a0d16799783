"""Gamma draws in logarithms, of which Beta and Dirichlet draws are made."""

import tensorflow as tf


def log_gammas(shape, seeds, alpha):
    """Draws logarithms of Gamma(α) variables, also where α is small.

    The share of one of two such draws is Beta(α, α): the sigmoid of the
    difference of their logarithms. The shares of several are Dirichlet(α): the
    softmax.

    Args:
        shape: tuple of ints or int scalars.
        seeds: two int tensors (2,).
        alpha (α): float > 0.

    Returns:
        A float64 tensor of the shape.
    """
    # Gamma(α) is Gamma(α + 1) times u^(1/α).
    gamma_seed, power_seed = seeds
    gammas = tf.random.stateless_gamma(
        shape, gamma_seed, alpha + 1, dtype=tf.float64
    )
    powers = tf.random.stateless_uniform(shape, power_seed, dtype=tf.float64)
    return tf.math.log(gammas) + tf.math.log1p(-powers) / alpha
