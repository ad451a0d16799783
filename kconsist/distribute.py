"""Replicas: which strategy a run has, and means over its replicas.

Gradients are summed over replicas. A term of a loss therefore has to be this
replica's share of the global mean: `keras.losses.Loss` objects see to it, and
every other scalar goes through `mean_over_replicas`. What needs the whole batch
(a mean prediction, the hardest negative, state written by index) gathers it.
"""

import functools
import json
import os

import tensorflow as tf
from keras import ops

from kconsist import checks

STRATEGIES = ("auto", "none", "mirrored", "multiworker", "tpu")


def strategy(
    name: str = "auto", tpu: str | None = None
) -> tf.distribute.Strategy:
    """Returns the `tf.distribute` strategy that a run is to have.

    Models, their optimizer and their trainer are built in its scope; `fit` may
    be called outside. Batch sizes are global: each replica takes its share.

    Args:
        name: `"none"`: TensorFlow's default, one replica. `"mirrored"`: one on
            each GPU, or on each logical CPU where there is no GPU.
            `"multiworker"`: processes, as the environment variable TF_CONFIG
            says; call it before anything else. `"tpu"`: a TPU. `"auto"`: the
            workers that TF_CONFIG names, where they are several, else the TPU
            that `tpu`, the variable TPU_NAME or TensorFlow's list of devices
            names, else all GPUs where there are several, else none. Defaults
            to `"auto"`.
        tpu: name or address of the TPU; `"local"` is this machine's own.
            Defaults to `None`: TPU_NAME, else `"local"`.

    Returns:
        The strategy, the same one each time: a second `MirroredStrategy` in a
        process numbers its collectives anew, and TensorFlow finds the first
        one's of other shapes under the same numbers.

    Raises:
        ValueError: an unknown name, or `"multiworker"` without workers in
            TF_CONFIG.

    Example:
        ```python
        from kconsist import FixMatch, distribute, models

        with distribute.strategy("mirrored").scope():
            trainer = FixMatch(models.MLP(2))
            trainer.compile("adam")
        ```
    """
    checks.one_of("strategy", name, STRATEGIES)
    if name == "auto":
        name = _fitting(tpu)
    if name == "multiworker" and not _workers():
        raise ValueError(
            "strategy 'multiworker' needs the workers in the environment "
            'variable TF_CONFIG, {"cluster": {"worker": ["host:port", …]}, '
            '"task": {"type": "worker", "index": …}}, got '
            f"{os.environ.get('TF_CONFIG')!r}"
        )
    return tf.distribute.get_strategy() if name == "none" else _made(name, tpu)


def _fitting(tpu):
    if len(_workers()) > 1:
        return "multiworker"
    named = tpu is not None or "TPU_NAME" in os.environ
    if named or tf.config.list_physical_devices("TPU"):
        return "tpu"
    several = len(tf.config.list_physical_devices("GPU")) > 1
    return "mirrored" if several else "none"


@functools.cache
def _made(name, tpu):
    if name == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        if tpu is None:
            tpu = os.environ.get("TPU_NAME", "local")
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver
        return tf.distribute.TPUStrategy(resolver.connect(tpu))
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    return tf.distribute.MirroredStrategy(devices)


def _task():
    """Returns TF_CONFIG's cluster, and this process's type and index."""
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    task = config.get("task", {})
    return config.get("cluster", {}), task.get("type"), task.get("index", 0)


def _workers():
    cluster = _task()[0]
    return [*cluster.get("chief", ()), *cluster.get("worker", ())]


def is_chief() -> bool:
    """Says whether this process is the one that writes a run's files.

    Of several workers in TF_CONFIG it is the chief, or the first one.
    """
    cluster, kind, index = _task()
    if "chief" in cluster or kind is None:
        return kind in (None, "chief")
    return kind == "worker" and int(index) == 0


def has_several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Says whether a strategy's replicas are in several processes."""
    return (
        isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        and len(strategy.extended.worker_devices)
        < strategy.num_replicas_in_sync
    )


def check_order(trainer, shuffle) -> None:
    """Raises `ValueError` where each worker would shuffle arrays on its own."""
    if shuffle and has_several_workers(trainer.distribute_strategy):
        raise ValueError(
            "fit(x, y) shuffles arrays anew on each of several workers, whose "
            "shares would not make one batch: pass a tf.data.Dataset, or "
            "shuffle=False"
        )


def in_shares(dataset):
    """Returns a data set that several workers read by shares of each batch.

    Each worker reads all of it and keeps its share: together they are the batch
    of one device. By itself, TensorFlow may divide the source's files instead.
    """
    if not isinstance(dataset, tf.data.Dataset):
        return dataset
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return dataset.with_options(options)


def average_replicas(variables: list) -> None:
    """Gives all replicas the mean of what each holds in `variables`.

    BatchNorm's moving statistics are means of what a replica has seen: their
    mean at each step is what the mean at the end would be.
    """
    if variables and num_replicas() > 1:
        # With a device, see `gather_replicas`.
        values = [tf.identity(variable) for variable in variables]
        sums = sum_over_replicas(values)
        for variable, total in zip(variables, sums, strict=True):
            variable.assign(total / num_replicas())


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


def own_part(values):
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
    return own_part(2**0.5 * tf.math.erfinv(uniform))


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
