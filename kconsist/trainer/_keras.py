"""The private name of Keras that training on several replicas goes by.

Keras builds metrics under a strategy from a batch that it reads beforehand,
which fails where replicas are in several processes, and which takes the first
epoch from a data set that counts them. On several workers it also takes the
mean of a step's logs over replicas along their first axis: they need one.
"""

import keras
import tensorflow as tf

from kconsist import distribute

PRIVATE_NAME = "_maybe_symbolic_build"


class Prebuilt(keras.Model):
    """A model whose metrics are built from what a data set says of itself."""

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
    """Returns the `tf.TensorSpec` of one tensor, that of the first replica."""
    return tf.nest.flatten(spec, expand_composites=True)[0]


def step_logs(logs: dict) -> dict:
    """Returns a replica's logs of one step as Keras takes their mean.

    Args:
        logs: dict of scalars.

    Returns:
        The same on one worker, with the shape (1,) on several.
    """
    if not distribute.has_several_workers(tf.distribute.get_strategy()):
        return logs
    return {name: tf.reshape(value, (1,)) for name, value in logs.items()}


def check_private_name() -> None:
    """Raises `RuntimeError` for a Keras that has not this private name."""
    if not hasattr(keras.Model, PRIVATE_NAME):
        raise RuntimeError(
            "trainers under a strategy go by a private name of Keras, and "
            f"Keras {keras.__version__} has no keras.Model.{PRIVATE_NAME}: "
            "install keras==3.15.*, or train without a strategy"
        )
