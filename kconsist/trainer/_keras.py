"""Works around private methods of Keras.

Under a strategy Keras builds metrics from a batch that it reads beforehand.
That fails with replicas in several processes, and it consumes the first epoch
of a data set that counts epochs. On several workers Keras also averages a
step's logs over replicas along their first axis, so they need one.
"""

import keras
import tensorflow as tf

from kconsist import distribute

PRIVATE_NAME = "_maybe_symbolic_build"


class Prebuilt(keras.Model):
    """A model whose metrics are built from a data set's specification."""

    def __init__(self, **kwargs):
        if tf.distribute.has_strategy():
            check_private_name()
        super().__init__(**kwargs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        several = self.distribute_strategy.num_replicas_in_sync > 1
        if several and iterator is not None:
            dataset = iterator.data_adapter.get_tf_dataset()
            data_batch = tf.nest.map_structure(_spec, dataset.element_spec)
            iterator = None
        super()._maybe_symbolic_build(iterator, data_batch)


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
