"""Optimizers of second networks, and state that follows their steps."""

import keras
import tensorflow as tf
from keras import ops

from kconsist.trainer import _replica_checks


def built(optimizer, network: keras.Model):
    """Returns an optimizer built for a network, before any step.

    As an attribute of a trainer it is saved and restored with the trainer.

    Args:
        optimizer: `keras.optimizers.Optimizer` that trains nothing else, or the
            name or configuration of one.
        network: built model; under `mixed_float16` the loss is scaled.

    Returns:
        The optimizer, built.
    """
    optimizer = keras.optimizers.get(optimizer)
    _replica_checks.replicated_optimizer(
        optimizer, tf.distribute.get_strategy()
    )
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if network.dtype_policy.name == "mixed_float16" and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(network.trainable_variables)
    return optimizer


def innermost(optimizer):
    """Returns the optimizer that a `LossScaleOptimizer` wraps, or itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def call_after_step(optimizer, step, function) -> None:
    """Calls a function if the optimizer made a step.

    Args:
        optimizer: built `keras.optimizers.Optimizer` of the network.
        step: its `iterations` before the gradients were applied, int scalar.
        function: function without arguments, which may assign variables. If the
            optimizer accumulates gradients or scales the loss, it is traced in
            a conditional: it must not communicate between replicas.
    """
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is None and not optimizer.gradient_accumulation_steps:
        function()  # Every call of apply_gradients is a step.
        return

    def call():
        function()
        return True

    ops.cond(optimizer.iterations > step, call, lambda: False)
