"""Choice of a strategy, the process that writes files, sharding of data."""

import functools
import json
import os

import keras
import tensorflow as tf

from kconsist import _checks

STRATEGIES = ("auto", "none", "mirrored", "multiworker", "tpu")


def strategy(
    name: str = "auto", tpu: str | None = None
) -> tf.distribute.Strategy:
    """Returns the `tf.distribute` strategy for a run.

    Build models, optimizers and trainers in its scope; `fit` may be called
    outside. Batch sizes are global: each replica gets its shard.

    Args:
        name: one of

            - `"none"`: TensorFlow's default strategy, one replica.
            - `"mirrored"`: one replica per GPU, or per logical CPU if there is
              no GPU.
            - `"multiworker"`: the processes in the environment variable
              TF_CONFIG. Call this function before anything else.
            - `"tpu"`: a TPU.
            - `"auto"`: the workers in TF_CONFIG, if there are several; else the
              TPU that is named by `tpu`, by the environment variable TPU_NAME
              or in TensorFlow's list of devices; else all GPUs, if there are
              several; else none.

            Defaults to `"auto"`.
        tpu: name or address of the TPU; `"local"` is the TPU of this machine.
            Defaults to `None`: TPU_NAME, else `"local"`.

    Returns:
        The strategy, the same object at each call with the same arguments. A
        second `MirroredStrategy` in a process would reuse the numbers of the
        first one's collectives, with other shapes.

    Raises:
        ValueError: the name is unknown, or it is `"multiworker"` and TF_CONFIG
            has no workers.

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
        name = _detect(tpu)
    if name == "multiworker" and not _workers():
        raise ValueError(
            "strategy 'multiworker' requires the workers in the environment "
            'variable TF_CONFIG, {"cluster": {"worker": ["host:port", …]}, '
            '"task": {"type": "worker", "index": …}}, got '
            f"{os.environ.get('TF_CONFIG')!r}"
        )
    if name == "none":
        return tf.distribute.get_strategy()
    return _create(name, tpu)


def _detect(tpu):
    """Returns the name of the strategy that fits the environment."""
    if len(_workers()) > 1:
        return "multiworker"
    is_named = tpu is not None or "TPU_NAME" in os.environ
    if is_named or tf.config.list_physical_devices("TPU"):
        return "tpu"
    num_gpus = len(tf.config.list_physical_devices("GPU"))
    return "mirrored" if num_gpus > 1 else "none"


@functools.cache
def _create(name, tpu):
    """Returns the strategy of a name; each is created once."""
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
    """Returns the addresses of the workers in TF_CONFIG."""
    cluster = _task()[0]
    return [*cluster.get("chief", ()), *cluster.get("worker", ())]


def is_chief() -> bool:
    """Returns whether this process writes a run's files.

    Among the workers of TF_CONFIG it is the chief, or else the first worker.
    """
    cluster, kind, index = _task()
    if "chief" in cluster or kind is None:
        return kind in (None, "chief")
    return kind == "worker" and int(index) == 0


def is_multi_worker(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether a strategy has replicas in several processes."""
    return (
        isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        and len(strategy.extended.worker_devices)
        < strategy.num_replicas_in_sync
    )


def check_shuffle(trainer: keras.Model, shuffle: bool) -> None:
    """Raises `ValueError` if each worker would shuffle arrays differently."""
    if shuffle and is_multi_worker(trainer.distribute_strategy):
        raise ValueError(
            "shuffle must be False for arrays on several workers, got "
            f"shuffle={shuffle}: each worker shuffles in its own order, so "
            "their shards would not form one batch. Pass shuffle=False, or a "
            "tf.data.Dataset"
        )


def shard_by_batch(dataset):
    """Returns a dataset of which each worker reads its shard of each batch.

    Each worker reads the whole dataset and keeps its shard; together the shards
    are the batch of one device. By default TensorFlow may divide the files of
    the source among the workers instead.

    Args:
        dataset: `tf.data.Dataset`; anything else is returned unchanged.
    """
    if not isinstance(dataset, tf.data.Dataset):
        return dataset
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return dataset.with_options(options)
