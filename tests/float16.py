"""Compares mixed_float16 with float32 for every method, on WRN-10-1.

    python tests/float16.py [--steps 20] [--method NAME …]

Trains each method twice from the same weights on the same images, and prints by
how much the mean loss over the steps differs, and the loss of the worst step:
two runs drift apart, as two orders of summation do. Some minutes on two cores.
"""

import argparse
import contextlib
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import methods
import numpy as np
import tensorflow as tf

from kconsist import models

SIDE = 8
RATE, LOSS_SCALE = 0.003, 2.0**10
OPTIONS = {
    "vat": {"epsilon": 0.5 * 127.5},  # In the units of images from 0 to 255.
    # A label that is sampled flips where rounding moves a boundary.
    "meta_pseudo_labels": {"sampled": False},
}


@contextlib.contextmanager
def convolutional(policy, network):
    """Has the methods' networks made by `network`, in a dtype policy."""

    def made(seed=0, **_):
        keras.utils.set_random_seed(seed)
        keras.config.set_dtype_policy(policy)
        try:
            return network()
        finally:
            keras.config.set_dtype_policy("float32")

    points, methods.network = methods.network, made
    try:
        yield made
    finally:
        methods.network = points


def wide_resnet():
    return models.WideResNet(
        depth=10,
        width=1,
        num_classes=methods.CLASSES,
        input_shape=(SIDE, SIDE, 3),
    )


def image_batches(method, steps, seed=1):
    """Batches of images whose brightness tells the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, methods.CLASSES, (steps, methods.BATCH))
    views = {}
    for name, ratio in method.views.items():
        shape = steps, methods.BATCH * ratio
        if name == "index":
            views[name] = rng.integers(0, methods.EXAMPLES, shape, "int32")
            continue
        classes = rng.integers(0, methods.CLASSES, shape)
        if name == method.trained_on:
            classes = labels
        noise = rng.normal(0, 40, (*shape, SIDE, SIDE, 3))
        images = 64 + 64 * classes[..., None, None, None] + noise
        views[name] = np.clip(images, 0, 255).astype("float32")
    return tf.data.Dataset.from_tensor_slices((views, labels))


class Losses(keras.callbacks.Callback):
    """Records the loss of each step."""

    def on_train_begin(self, logs=None):
        self.values, self.total = [], 0.0

    def on_train_batch_end(self, batch, logs=None):
        # Keras logs the mean of the epoch so far.
        total = logs["loss"] * (batch + 1)
        self.values.append(total - self.total)
        self.total = total


def calm(trainer):
    """Gives each optimizer a small rate, and a scale that does not overflow.

    The first scale of 2¹⁵ may, and a step that is skipped makes a difference.
    """
    trainer.optimizer.build(trainer.trainable_variables)
    for name in ("optimizer", "teacher_optimizer", "peer_optimizer"):
        optimizer = getattr(trainer, name, trainer.optimizer)
        optimizer.learning_rate = RATE
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer.dynamic_scale.assign(LOSS_SCALE)


def losses(name, policy, steps, network=wide_resnet, **options):
    """Returns the loss of each step of a method, an array (steps,)."""
    method = methods.METHODS[name]
    with convolutional(policy, network) as made:
        trainer = method.make(made(), **OPTIONS.get(name, {}))
        optimizer = keras.optimizers.SGD(RATE, momentum=0.9)
        methods.compiled(trainer, optimizer, **options)
    calm(trainer)
    recorded = Losses()
    batches = image_batches(method, steps)
    trainer.fit(batches, callbacks=[recorded], verbose=0)
    assert int(trainer.step) == steps  # None was skipped.
    return np.array(recorded.values)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--method", nargs="+", default=list(methods.METHODS))
    args = parser.parse_args()
    print(f"{'method':26} {'first':>8} {'last':>8} {'mean':>9} {'worst':>9}")
    for name in args.method:
        start = time.perf_counter()
        single = losses(name, "float32", args.steps)
        half = losses(name, "mixed_float16", args.steps)
        mean, worst = (
            np.abs((half - single).mean()),
            np.abs(half - single).max(),
        )
        keras.backend.clear_session()
        print(
            f"{name:26} {single[0]:8.4f} {single[-1]:8.4f} "
            f"{mean:9.1e} {worst:9.1e}   {time.perf_counter() - start:4.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
