"""Measures the share of a `fit` of ten epochs that is not its steps.

    python recipes/benchmarks/fit_overhead.py

Machine: two CPU cores, no GPU. Result: see docs/results.md.

WRN-10-1 trains on 32x32 images in ten epochs of 20 steps: FixMatch on batches
of `data.semi_supervised`, 8 labeled images and 7 times as many unlabeled ones,
and a supervised trainer on 64 images of a data set that has nothing from this
package. "Steps" are as many calls of the compiled `train_function` on one
iterator over the repeated data set, as trainers read it, so reading and views
are steps. The rest is what `fit` adds: Keras, checks of batches, new iterators
that have read nothing ahead, and their ends. "Autotuned" is `fit` with the
option `autotune.enabled` set, which is a new iterator for each epoch, as all
were before trainers turned it off. Shares of medians in turns.
"""

import argparse
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _common
import _turns
import keras
import numpy as np
import tensorflow as tf

from kconsist import FixMatch, data, models
from kconsist.data._autotuning import without_autotuning


def semi_supervised(images, labels, args):
    """Returns FixMatch and this package's batches."""
    batches = data.semi_supervised(
        (images[:100], labels[:100]),
        images,
        batch_size=8,
        steps=args.steps,
    )
    return FixMatch(models.WideResNet(10, args.width)), batches


def own_dataset(images, labels, args):
    """Returns a supervised trainer and batches of a user's own data set."""

    def flip(image, label):
        image = tf.image.random_flip_left_right(tf.cast(image, "float32"))
        return image, label

    count = 64 * args.steps
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).take(count)
    dataset = dataset.shuffle(count).map(flip, tf.data.AUTOTUNE).batch(64)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    return _common.Supervised(models.WideResNet(10, args.width)), dataset


def autotuned(dataset):
    """Returns the data set with the option set, which the trainer keeps."""
    options = tf.data.Options()
    options.autotune.enabled = True
    return dataset.with_options(options)


def measure(make, images, labels, args):
    """Returns median seconds of the steps, and of `fit` both ways."""
    trainer, dataset = make(images, labels, args)
    trainer.compile(
        keras.optimizers.SGD(0.03, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    trainer.fit(dataset, verbose=0)  # Traces.
    iterator = iter(without_autotuning(dataset.repeat()))
    tuned = autotuned(dataset)

    def steps():
        for _ in range(args.epochs * args.steps):
            trainer.train_function(iterator)

    def fit(dataset):
        trainer.fit(dataset, epochs=args.epochs, verbose=0)

    trainer.train_function(iterator)  # Starts reading.
    runs = {
        "steps": steps,
        "fit": lambda: fit(dataset),
        "autotuned": lambda: fit(tuned),
    }
    return _turns.median_seconds(runs, args.rounds)


CASES = {"semi_supervised": semi_supervised, "own data set": own_dataset}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--case", choices=CASES, help="only this one")
    parser.add_argument("--width", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=20, help="of an epoch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.epochs, args.steps, args.rounds = 2, 2, 1

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50_000, 32, 32, 3), "uint8")
    labels = rng.integers(0, 10, 50_000)
    for name in [args.case] if args.case else CASES:
        seconds = measure(CASES[name], images, labels, args)
        for run in ("fit", "autotuned"):
            share = 1 - seconds["steps"] / seconds[run]
            print(
                f"{name}, {run}: {seconds[run]:.1f} s, of which "
                f"{100 * share:.1f} % are not steps"
            )


if __name__ == "__main__":
    main()
