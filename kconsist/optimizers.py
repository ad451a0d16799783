"""An optimizer of its own for a trainer's second network."""

import keras


def built(optimizer, network: keras.Model):
    """Returns an optimizer with its slots for a network, before any step.

    As an attribute of a trainer it is saved and restored with it.

    Args:
        optimizer: `keras.optimizers.Optimizer` that trains nothing else, the
            name of one, or its configuration.
        network: built model; under `mixed_float16` the loss is scaled.

    Returns:
        The optimizer, built.
    """
    optimizer = keras.optimizers.get(optimizer)
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if network.dtype_policy.name == "mixed_float16" and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(network.trainable_variables)
    return optimizer
