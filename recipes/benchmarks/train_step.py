"""Compares a step of `fit` with a hand-written step of the same arithmetic.

    python recipes/benchmarks/train_step.py

Machine: two CPU cores, no GPU. Result: 595 ms and 589 ms, ratio 1.01 (commit
60c3a69).

FixMatch with an averaged network, WRN-10-2, 32 labeled and 128 unlabeled
images. The hand-written `tf.function` has the same forward pass, backward pass,
optimizer step and averaging on the same batches, without checks, logs, metrics
or callbacks. The figure is the ratio of median times, measured in turns.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _turns
import keras
import numpy as np
import tensorflow as tf

from kconsist import FixMatch, ema, models

THRESHOLD, DECAY = 0.95, 0.999


def batches(labeled, unlabeled, steps):
    """Returns the same random batch, `steps` times."""
    rng = np.random.default_rng(0)

    def images(count):
        return rng.integers(0, 256, (count, 32, 32, 3), "uint8")

    views = {
        "labeled": images(labeled),
        "weak": images(unlabeled),
        "strong": images(unlabeled),
    }
    labels = rng.integers(0, 10, labeled)
    dataset = tf.data.Dataset.from_tensors((views, labels))
    return dataset.cache().repeat(steps).prefetch(2)


def network(depth, width):
    keras.utils.set_random_seed(0)
    return models.WideResNet(depth, width)


def by_hand(model):
    """Returns a hand-written step of FixMatch."""
    average = ema.make_teacher(model, freeze="layer")
    optimizer = keras.optimizers.SGD(0.03, momentum=0.9, nesterov=True)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(views, labels):
        sizes = [len(views[k]) for k in ("labeled", "weak", "strong")]
        with tf.GradientTape() as tape:
            images = [views["labeled"], views["weak"], views["strong"]]
            logits = model(tf.concat(images, 0), training=True)
            logits, weak, strong = tf.split(logits, sizes)
            entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
            p = tf.nn.softmax(tf.stop_gradient(weak))
            mask = tf.cast(tf.reduce_max(p, -1) >= THRESHOLD, tf.float32)
            loss = tf.reduce_mean(entropy(labels, logits)) + tf.reduce_mean(
                mask * entropy(tf.argmax(p, -1), strong)
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        for mean, value in zip(average.weights, model.weights, strict=True):
            if value.trainable:
                mean.assign(DECAY * mean + (1 - DECAY) * value)
            else:
                mean.assign(value)
        return loss

    def run(dataset):
        for views, labels in dataset:
            loss = step(views, labels)
        return float(loss)  # Waits for the last step.

    return run


def by_fit(model):
    """Returns a function that runs `FixMatch.fit`."""
    trainer = FixMatch(model, threshold=THRESHOLD, ema_decay=DECAY)
    trainer.compile(
        keras.optimizers.SGD(0.03, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return lambda dataset: trainer.fit(dataset, verbose=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labeled", type=int, default=32)
    parser.add_argument("--unlabeled", type=int, default=128)
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--width", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20, help="of a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.steps, args.rounds = 2, 2
    dataset = batches(args.labeled, args.unlabeled, args.steps)
    runs = {
        "by hand": by_hand(network(args.depth, args.width)),
        "fit": by_fit(network(args.depth, args.width)),
    }
    turns = {name: lambda run=run: run(dataset) for name, run in runs.items()}
    _turns.median_seconds(turns, 1)  # Traces.
    medians = _turns.median_seconds(turns, args.rounds)
    for name, seconds in medians.items():
        print(f"{name}: {1e3 * seconds / args.steps:.1f} ms a step")
    print(f"ratio: {medians['fit'] / medians['by hand']:.3f}")


if __name__ == "__main__":
    main()
