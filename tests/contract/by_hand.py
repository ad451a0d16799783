"""A network with BatchNorm, in Keras and in NumPy, and a spy in it.

Nothing here comes from the package. Weights go in as arrays of float64.
"""

import keras
import methods
import numpy as np

MOMENTUM, EPSILON = 0.9, 1e-3
KERNEL, BIAS, GAMMA, BETA, MEAN, VARIANCE, HEAD, HEAD_BIAS = range(8)
STATISTICS = MEAN, VARIANCE


@keras.saving.register_keras_serializable(package="contract")
class Recorder(keras.layers.Layer):
    """Passes its input on, and keeps it with the mode of the call."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.calls = []

    def call(self, inputs, training=None):
        self.calls.append((bool(training), np.array(inputs)))
        return inputs

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


def normalized(seed=0, front=()):
    """The network, after the layers of `front`."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((methods.FEATURES,)),
            *front,
            keras.layers.Dense(10),
            keras.layers.BatchNormalization(momentum=MOMENTUM),
            keras.layers.ReLU(),
            keras.layers.Dense(methods.CLASSES, dtype="float32"),
        ]
    )


def recorded(seed=0):
    """The network with a `Recorder` in front."""
    return normalized(seed, [Recorder()])


def arrays(model):
    """The weights of a model as float64."""
    return [np.array(weight, "float64") for weight in model.weights]


def scramble(trainer):
    """Gives each network weights of its own, moving statistics included.

    Returns those of each, by its name in the trainer.
    """
    found = {}
    for seed, name in enumerate(("student", "teacher", "peer", "peer_teacher")):
        model = getattr(trainer, name, None)
        if model is None:
            continue
        rng = np.random.default_rng(seed)
        values = [rng.normal(0, 0.5, weight.shape) for weight in model.weights]
        values[VARIANCE] = rng.uniform(0.5, 2.0, values[VARIANCE].shape)
        model.set_weights(values)
        found[name] = arrays(model)
    return found


def features(weights, images, training):
    """What enters the last layer, by the statistics of the mode."""
    hidden = np.asarray(images, "float64") @ weights[KERNEL] + weights[BIAS]
    mean, variance = weights[MEAN], weights[VARIANCE]
    if training:
        mean, variance = hidden.mean(0), hidden.var(0)
    normal = (hidden - mean) / np.sqrt(variance + EPSILON)
    return np.maximum(weights[GAMMA] * normal + weights[BETA], 0)


def logits(weights, images, training):
    """The network's logits, (batch, classes)."""
    hidden = features(weights, images, training)
    return hidden @ weights[HEAD] + weights[HEAD_BIAS]


def together(weights, *views):
    """The logits of each view, from one pass in training mode."""
    ends = np.cumsum([len(view) for view in views])[:-1]
    every = logits(weights, np.concatenate(views), training=True)
    return np.split(every, ends)


def after_a_pass(weights, images):
    """The weights after a pass in training mode: moved statistics."""
    hidden = np.asarray(images, "float64") @ weights[KERNEL] + weights[BIAS]
    weights = list(weights)
    for index, value in (MEAN, hidden.mean(0)), (VARIANCE, hidden.var(0)):
        weights[index] = MOMENTUM * weights[index] + (1 - MOMENTUM) * value
    return weights
