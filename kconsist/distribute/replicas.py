"""Means, sums and random numbers across the replicas of a strategy.

Gradients are summed over replicas. Each term of a loss must therefore be
divided by the number of replicas: `keras.losses.Loss` objects do so, and every
other scalar goes through `scaled_mean`. What requires the global batch (a mean
prediction, the hardest negative, state written by index) gathers it.
"""

import tensorflow as tf
from keras import ops


def average_replicas(variables: list) -> None:
    """Sets variables to their mean over replicas, on each replica.

    BatchNorm's moving statistics are linear in the batch statistics: averaging
    them at each step equals averaging them once at the end.
    """
    if variables and num_replicas() > 1:
        # The identity gives each value a device, as in `gather_replicas`. The
        # sums are batched, which requires one dtype: float32.
        values = [
            tf.identity(ops.cast(variable, "float32")) for variable in variables
        ]
        sums = sum_over_replicas(values)
        for variable, total in zip(variables, sums, strict=True):
            variable.assign(total / num_replicas())


def num_replicas() -> int:
    """Returns the number of replicas of the current strategy, 1 without one."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def scaled_mean(values):
    """Returns the mean of a replica's values, divided by the replica count.

    Nothing is communicated. The sum of the results over all replicas is the
    mean over the global batch.

    Args:
        values: tensor of any shape, this replica's shard of the global batch;
            cast to float32.

    Returns:
        float32 scalar.
    """
    return ops.mean(ops.cast(values, "float32")) / num_replicas()


def unscale_loss_for_distribution(value):
    """Returns a value multiplied by the number of replicas, float32.

    It reverses the scaling of `scaled_mean`.
    """
    return ops.cast(value, "float32") * num_replicas()


def sum_over_replicas(value):
    """Returns the sum over replicas of a tensor, or of each in a list."""
    return tf.distribute.get_replica_context().all_reduce("SUM", value)


def gather_replicas(values):
    """Returns the shards of all replicas, concatenated, on each replica.

    Gradients flow back to the replica that a row came from. Without a strategy,
    and outside of a replica, `values` is returned unchanged.

    Args:
        values: tensor (batch, …), this replica's shard.

    Returns:
        Tensor (global batch, …), the same on every replica.

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
    # With several workers TensorFlow reads the device of the tensor's
    # operation, and an input of the step has none: hence the identity.
    gathered = context.all_gather(tf.identity(values), axis=0)
    # all_gather loses the static shape. It also rejects sparse gradients, such
    # as those of ops.take; the gradient of a reshape is dense.
    return tf.reshape(gathered, (-1, *values.shape[1:]))


def local_shard(values):
    """Returns this replica's shard of a tensor from `gather_replicas`.

    Args:
        values: tensor (global batch, …).

    Returns:
        Tensor (batch, …); without a strategy all of `values`.
    """
    replicas = num_replicas()
    if replicas == 1:
        return values
    context = tf.distribute.get_replica_context()
    batch = ops.shape(values)[0] // replicas
    start = context.replica_id_in_sync_group * batch
    return values[start : start + batch]


def stateless_uniform(shape, seed):
    """Returns random numbers in [0, 1], the same on every replica.

    Args:
        shape: shape of the result, for the global batch.
        seed: pair of ints or int scalars.

    Returns:
        float32 tensor of `shape`.
    """
    return tf.cast(_random_bits(shape, seed), "float32") / 2**32 + 0.5


def stateless_normal(shape, seed):
    """Returns normal random numbers for this replica's shard of the batch.

    Args:
        shape: shape of the shard, (batch, …).
        seed: pair of ints or int scalars.

    Returns:
        float32 tensor of `shape`. The numbers of an example depend on its
        position in the global batch, not on the number of replicas.
    """
    bits = _random_bits((shape[0] * num_replicas(), *shape[1:]), seed)
    # Strictly between -1 and 1, where the inverse is infinite.
    uniform = tf.cast(bits, "float32") * (0.9999999 / 2**31)
    return local_shard(2**0.5 * tf.math.erfinv(uniform))


def _random_bits(shape, seed):
    # Only random bits are the same with and without XLA.
    return tf.random.stateless_uniform(
        shape,
        tf.stack([tf.cast(number, tf.int64) for number in seed]),
        minval=None,
        maxval=None,
        dtype=tf.int32,
        alg="philox",
    )
