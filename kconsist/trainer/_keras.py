"""Works around private names of Keras: layers, and reading a data set.

Keras creates the variables of metrics and optimizers in the first step, which
TensorFlow then traces twice. Under a strategy it builds metrics from a batch
that it reads beforehand: that fails with replicas in several processes, and
consumes the first epoch of a data set that counts epochs. On several workers
Keras also averages a step's logs over replicas along their first axis, so they
need one.

Every data set, also what Keras makes of arrays, is read without autotuning,
which delays the end of each epoch. Where Keras has another name for it, the
data set is read as it is.
"""

import keras
import tensorflow as tf
from keras.src.trainers import data_adapters

from kconsist import distribute
from kconsist.data._autotuning import without_autotuning
from kconsist.trainer import _epoch_reader

PRIVATE_NAME = "_maybe_symbolic_build"
PRIVATE_DATASET = "_distributed_dataset"


class Prebuilt(keras.Model):
    """A model whose metrics are built from a data set's specification."""

    def __init__(self, **kwargs):
        if tf.distribute.has_strategy():
            check_private_name()
        super().__init__(**kwargs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if iterator is None:
            super()._maybe_symbolic_build(iterator, data_batch)
            return
        strategy = self.distribute_strategy
        dataset = _read_by(iterator, strategy)
        if strategy.num_replicas_in_sync > 1 or not self.run_eagerly:
            specs = tf.nest.map_structure(_spec, dataset.element_spec)
            with strategy.scope():
                self._symbolic_build(data_batch=specs)

    def evaluate(self, x=None, *args, **kwargs):
        """Evaluates the inference model as `keras.Model.evaluate` does."""
        return super().evaluate(distribute.shard_by_batch(x), *args, **kwargs)

    def predict(
        self, x, batch_size=None, verbose="auto", steps=None, callbacks=None
    ):
        """Calls the inference model as `keras.Model.predict` does."""
        x = data_adapter(distribute.shard_by_batch(x), batch_size, steps)
        return super().predict(x, None, verbose, steps, callbacks)


def _read_by(iterator, strategy):
    """Returns what Keras's iterator of epochs reads, now without autotuning."""
    dataset = getattr(iterator, PRIVATE_DATASET, None)
    if isinstance(dataset, tf.data.Dataset):
        reader = _epoch_reader.EpochReader(iterator, dataset)
        setattr(iterator, PRIVATE_DATASET, reader)
        return dataset
    dataset = iterator.data_adapter.get_tf_dataset()
    if hasattr(iterator, PRIVATE_DATASET) and isinstance(
        dataset, tf.data.Dataset
    ):  # Divided among replicas.
        dataset = without_autotuning(dataset)
        divided = strategy.experimental_distribute_dataset(dataset)
        setattr(iterator, PRIVATE_DATASET, divided)
    return dataset


def data_adapter(x, batch_size=None, steps=None):
    """Returns Keras's reader of some data, which `predict` takes for them.

    Its data set has no autotuning.

    Args:
        x: what `keras.Model.predict` accepts.
        batch_size: number of examples per batch, for arrays.
        steps: number of batches, or None.
    """
    adapter = data_adapters.get_data_adapter(
        x, batch_size=batch_size, steps_per_epoch=steps
    )
    make_dataset = adapter.get_tf_dataset
    adapter.get_tf_dataset = lambda: without_autotuning(make_dataset())
    return adapter


def _spec(spec):
    """Returns the `tf.TensorSpec` of one tensor on the first replica."""
    return tf.nest.flatten(spec, expand_composites=True)[0]


def step_logs(logs: dict) -> dict:
    """Returns a replica's logs of one step in the shape that Keras averages.

    Args:
        logs: dict of scalars.

    Returns:
        The same dict; on several workers each value has shape (1,).
    """
    if not distribute.is_multi_worker(tf.distribute.get_strategy()):
        return logs
    return {name: tf.reshape(value, (1,)) for name, value in logs.items()}


def check_private_name() -> None:
    """Raises `RuntimeError` if Keras lacks the private method."""
    if not hasattr(keras.Model, PRIVATE_NAME):
        raise RuntimeError(
            "trainers under a strategy require the private method "
            f"keras.Model.{PRIVATE_NAME}, which Keras {keras.__version__} "
            "lacks: install keras>=3.12,<3.16, or train without a strategy"
        )


def all_layers(model: keras.Model) -> list:
    """Returns the layers of a model at any depth, in attributes as well.

    Where Keras lacks the private method, there are none.
    """
    flatten = getattr(model, "_flatten_layers", list)
    return flatten()
