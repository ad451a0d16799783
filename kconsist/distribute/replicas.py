"""Means, sums and draws over the replicas of a `tf.distribute` strategy.

Gradients are summed over replicas. A term of a loss therefore has to be this
replica's share of the global mean: `keras.losses.Loss` objects see to it, and
every other scalar goes through `scaled_mean`. What needs the whole batch
(a mean prediction, the hardest negative, state written by index) gathers it.
"""

import tensorflow as tf
from keras import ops


def average_replicas(variables: list) -> None:
    """Gives all replicas the mean of what each holds in `variables`.

    BatchNorm's moving statistics are means of what a replica has seen: their
    mean at each step is what the mean at the end would be.
    """
    if variables and num_replicas() > 1:
        # With a device, see `gather_replicas`; float32, as they are summed
        # together and a student's may be coarser than its average's.
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
    """Returns this replica's share of the mean of `values` over all replicas.

    Args:
        values: tensor of any shape, this replica's part of the global batch;
            cast to float32.

    Returns:
        A float32 scalar, the mean of `values` over the number of replicas: the
        sum over replicas is the mean over the global batch.
    """
    return ops.mean(ops.cast(values, "float32")) / num_replicas()


def unscale_loss_for_distribution(share):
    """Returns `share`, a share of a global mean, on the scale of the mean."""
    return ops.cast(share, "float32") * num_replicas()


def sum_over_replicas(value):
    """Returns the sums of a tensor, or of each of a list, over all replicas."""
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
    # On several workers TensorFlow takes the device of the tensor's operation,
    # and an input of the step has none: hence the identity.
    gathered = context.all_gather(tf.identity(values), axis=0)
    # The shape is lost on the way. The gradient of a reshape is dense, and
    # all_gather's takes no sparse one, as ops.take has.
    return tf.reshape(gathered, (-1, *values.shape[1:]))


def local_shard(values):
    """Returns this replica's part of what `gather_replicas` returned.

    Args:
        values: tensor (batch of all replicas, …).

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
    """Draws numbers in [0, 1], the same ones on every replica.

    Args:
        shape: shape of the draws, for the batch of all replicas.
        seed: pair of ints or int scalars.

    Returns:
        float32 tensor of `shape`.
    """
    return tf.cast(_bits(shape, seed), "float32") / 2**32 + 0.5


def stateless_normal(shape, seed):
    """Draws normal numbers for this replica's part of the global batch.

    Args:
        shape: shape of this replica's part, (batch, …).
        seed: pair of ints or int scalars.

    Returns:
        float32 tensor of `shape`. The draws of an example depend on its place
        in the global batch alone, not on the number of replicas.
    """
    bits = _bits((shape[0] * num_replicas(), *shape[1:]), seed)
    # Between -1 and 1, and never at either, where the inverse is infinite.
    uniform = tf.cast(bits, "float32") * (0.9999999 / 2**31)
    return local_shard(2**0.5 * tf.math.erfinv(uniform))


def _bits(shape, seed):
    # Bits are the only draws that XLA and TensorFlow have in common.
    return tf.random.stateless_uniform(
        shape,
        tf.stack([tf.cast(number, tf.int64) for number in seed]),
        minval=None,
        maxval=None,
        dtype=tf.int32,
        alg="philox",
    )
