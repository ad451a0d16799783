"""Means over the replicas of a `tf.distribute` strategy.

Gradients are summed over replicas. A term of a loss therefore has to be this
replica's share of the global mean: `keras.losses.Loss` objects see to it, and
every other scalar goes through `mean_over_replicas`. What needs the whole batch
(a mean prediction, the hardest negative, state written by index) gathers it.
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


def sum_over_replicas(value):
    """Returns the sum of a tensor over all replicas, on each of them."""
    return tf.distribute.get_replica_context().all_reduce("SUM", value)


def gather_replicas(values):
    """Returns the parts of all replicas, one after the other, on each replica.

    Gradients flow back to the replica that a row came from. Without a strategy,
    and outside of a replica, `values` comes back as it is.

    Args:
        values: tensor (batch, …), this replica's part.

    Returns:
        Tensor (batch of all replicas, …), the same on every replica.

    Example:
        ```python
        import tensorflow as tf
        from kconsist.distribute import gather_replicas

        assert gather_replicas(tf.zeros((4, 3))).shape == (4, 3)
        ```
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    gathered = context.all_gather(values, axis=0)
    # The shape is lost on the way. The gradient of a reshape is dense, and
    # all_gather's takes no sparse one, as ops.take has.
    return tf.reshape(gathered, (-1, *values.shape[1:]))


def stateless_normal(shape, seed):
    """Draws normal numbers for this replica's part of the global batch.

    Args:
        shape: shape of this replica's part, (batch, …).
        seed: pair of ints or int scalars.

    Returns:
        float32 tensor of `shape`. The draws of an example depend on its place
        in the global batch alone, not on the number of replicas.
    """
    context = tf.distribute.get_replica_context()
    batch = shape[0]
    # Bits are the only draws that XLA and TensorFlow have in common.
    bits = tf.random.stateless_uniform(
        (batch * num_replicas(), *shape[1:]),
        tf.stack([tf.cast(number, tf.int64) for number in seed]),
        minval=None,
        maxval=None,
        dtype=tf.int32,
        alg="philox",
    )
    # Between -1 and 1, and never at either, where the inverse is infinite.
    uniform = tf.cast(bits, "float32") * (0.9999999 / 2**31)
    everyone = 2**0.5 * tf.math.erfinv(uniform)
    start = context.replica_id_in_sync_group * batch
    return everyone[start : start + batch]
