"""Which strategy a run has, who writes its files, how its data is shared."""

import functools
import json
import os

import tensorflow as tf

from kconsist import _checks

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
    _checks.one_of("strategy", name, STRATEGIES)
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


def shard_by_batch(dataset):
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
