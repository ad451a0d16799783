"""Means over the replicas of a `tf.distribute` strategy.

Gradients are summed over replicas. A term of a loss therefore has to be this
replica's share of the global mean: `keras.losses.Loss` objects see to it, and
every other scalar goes through `mean_over_replicas`.
"""

import tensorflow as tf
from keras import ops


def num_replicas() -> int:
    """Returns the number of replicas of the current strategy, 1 without one."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def mean_over_replicas(values):
    """Returns this replica's share of the mean of `values` over all replicas.

    Args:
        values: tensor of any shape, this replica's part of the global batch;
            cast to float32.

    Returns:
        A float32 scalar, the mean of `values` over the number of replicas: the
        sum over replicas is the mean over the global batch.
    """
    return ops.mean(ops.cast(values, "float32")) / num_replicas()


def unscaled(share):
    """Returns `share`, a share of a global mean, on the scale of the mean."""
    return ops.cast(share, "float32") * num_replicas()
