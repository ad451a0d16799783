"""TensorFlow's fused batch normalization, in place of Keras's during a step.

Keras makes batch normalization of a dozen operations, each of which reads or
writes all activations; TensorFlow's kernel passes over them twice. Layers keep
Keras's class: their instances have another `call` only while a step runs.
"""

import collections
import contextlib
import functools
import threading

import keras
import tensorflow as tf
from keras import ops

from kconsist.trainer import _keras

DTYPES = "float16", "bfloat16", "float32"
CUDNN_MIN_EPSILON = 1e-5

_lock = threading.Lock()
# How many blocks use a layer: a strategy traces its replicas in threads.
_users: collections.Counter = collections.Counter()


def fuses_batch_norm(train_step):
    """Decorates a trainer's `train_step`: its networks run the kernel."""

    @functools.wraps(train_step)
    def step(trainer, data):
        # XLA fuses Keras's operations itself.
        fused = trainer.fused_batch_norm and not trainer.jit_compile
        layers = _keras.all_layers(trainer) if fused else []
        with fused_batch_norm(layers):
            return train_step(trainer, data)

    return step


@contextlib.contextmanager
def fused_batch_norm(layers):
    """Has Keras's own BatchNormalization layers run TensorFlow's kernel.

    In the `with` block, outputs, gradients and moving statistics are those of
    Keras but for the order of sums. Keras still computes what the kernel does
    not: inputs that are not 4-D with channels last, masks, float64,
    renormalization, and statistics that are synchronized over replicas.

    Args:
        layers: layers of any classes.
    """
    with _lock:
        layers = [layer for layer in layers if _is_stock(layer)]
        for layer in layers:
            # Not by setattr, which tracks: nothing is left after the block.
            vars(layer)["call"] = functools.partial(_call, layer)
            _users[id(layer)] += 1
    try:
        yield
    finally:
        with _lock:
            for layer in layers:
                _users[id(layer)] -= 1
                if not _users[id(layer)]:
                    del _users[id(layer)], vars(layer)["call"]


def _is_stock(layer):
    return type(layer) is keras.layers.BatchNormalization and (
        "call" not in vars(layer) or id(layer) in _users
    )


def _call(layer, inputs, training=None, mask=None):
    training = bool(training and layer.trainable)
    if mask is not None or not _is_supported(layer, inputs, training):
        call = keras.layers.BatchNormalization.call
        return call(layer, inputs, training=training, mask=mask)
    if training:
        outputs = _by_batch_statistics(layer, inputs)
    else:
        outputs = _by_moving_statistics(layer, inputs)
    return ops.cast(outputs, layer.compute_dtype)


def _is_supported(layer, inputs, training):
    """Whether the kernel is right, and as fast, for a layer and its inputs."""
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    devices = {d.device_type for d in tf.config.list_logical_devices()}
    on_gpu = "GPU" in devices
    return (
        "TPU" not in devices  # It compiles with XLA.
        and len(inputs.shape) == 4
        and layer.axis in (-1, 3)
        and inputs.dtype.name in DTYPES
        and not getattr(layer, "renorm", False)  # Not in Keras 3.12.
        and not (layer.synchronized and several)
        # cuDNN takes no smaller epsilon; in inference mode TensorFlow's own
        # gradient is slow, and missing under op determinism.
        and not (on_gpu and (layer.epsilon < CUDNN_MIN_EPSILON or not training))
    )


def _by_batch_statistics(layer, inputs):
    empty = tf.zeros([0])
    outputs, mean, variance = _normalize(layer, inputs, empty, empty, True)
    # The kernel returns the unbiased variance, undefined for one value.
    size = ops.cast(tf.size(inputs) // inputs.shape[-1], "float32")
    variance = tf.math.multiply_no_nan(variance, (size - 1) / size)
    for moving, new in (
        (layer.moving_mean, mean),
        (layer.moving_variance, variance),
    ):
        old = ops.cast(moving, "float32")
        moving.assign(old * layer.momentum + new * (1.0 - layer.momentum))
    return outputs


def _by_moving_statistics(layer, inputs):
    mean = ops.cast(layer.moving_mean, "float32")
    variance = ops.cast(layer.moving_variance, "float32")
    return _normalize(layer, inputs, mean, variance, False)[0]


def _normalize(layer, inputs, mean, variance, training):
    channels = inputs.shape[-1:]
    scale = layer.gamma if layer.scale else tf.ones(channels)
    offset = layer.beta if layer.center else tf.zeros(channels)
    return tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=ops.cast(scale, "float32"),
        offset=ops.cast(offset, "float32"),
        mean=mean,
        variance=variance,
        epsilon=layer.epsilon,
        is_training=training,
    )[:3]
