"""Images a second of `data.semi_supervised` over those of its views alone.

    python recipes/benchmarks/pipeline.py

FixMatch's shape: 64 labeled images and 7 times as many unlabeled ones, 32x32,
out of 50,000 in memory, as a weak view of both and a strong view of the latter.
"Views alone" maps one batch that is there already to the same three views, with
`num_parallel_calls=AUTOTUNE`; the pipeline also shuffles, repeats and gathers.
Both take turns; the figure is the ratio of their median throughputs.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from kconsist import data, views

WEAK = views.FlipCrop()
STRONG = views.Compose([WEAK, views.RandAugment(), views.Cutout()])


def pipeline(images, labels, args):
    """Returns the batches of `data.semi_supervised`."""
    labeled, _ = data.split_labels(labels, per_class=25)
    return data.semi_supervised(
        (images[labeled], labels[labeled]),
        images,
        weak=WEAK,
        strong=STRONG,
        batch_size=args.batch_size,
        unlabeled_ratio=args.unlabeled_ratio,
        steps=args.steps,
    )


def views_alone(images, labels, args):
    """Returns the same views of one batch, again and again."""
    unlabeled = args.batch_size * args.unlabeled_ratio
    batch = images[: args.batch_size], images[-unlabeled:]

    def look(step, labeled, unlabeled):
        seeds = tf.random.split(tf.stack([step, 0]), 3)
        return (
            WEAK(labeled, seeds[0]),
            WEAK(unlabeled, seeds[1]),
            STRONG(unlabeled, seeds[2]),
        )

    batches = tf.data.Dataset.from_tensors(batch).cache().repeat(args.steps)
    batches = batches.enumerate().map(
        lambda step, batch: look(step, *batch),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return batches.prefetch(tf.data.AUTOTUNE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--unlabeled-ratio", type=int, default=7)
    parser.add_argument("--steps", type=int, default=40, help="a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.steps, args.rounds = 2, 2

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50_000, 32, 32, 3), "uint8")
    labels = rng.integers(0, 10, 50_000)
    runs = {
        "views alone": views_alone(images, labels, args),
        "semi_supervised": pipeline(images, labels, args),
    }
    viewed = args.batch_size * (1 + 2 * args.unlabeled_ratio)
    rates = {name: [] for name in runs}
    for _ in range(args.rounds + 1):  # The first round traces.
        for name, batches in runs.items():
            start = time.perf_counter()
            for _ in batches:
                pass
            seconds = time.perf_counter() - start
            rates[name].append(args.steps * viewed / seconds)
    medians = {k: statistics.median(v[1:]) for k, v in rates.items()}
    for name, rate in medians.items():
        print(f"{name}: {rate:,.0f} images a second")
    print(f"ratio: {medians['semi_supervised'] / medians['views alone']:.3f}")


if __name__ == "__main__":
    main()
