"""Images for the benchmarks of views, and pipelines that read them."""

import argparse
import time

import numpy as np
import tensorflow as tf


def parse(doc, rounds):
    """Returns the flags of a benchmark of views.

    Args:
        doc: the script's docstring.
        rounds: the default of `--rounds`.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument(
        "--sides", type=int, nargs="+", default=[32, 224], help="of the images"
    )
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.sides, args.seconds, args.rounds = [16], 0.01, 1
    return args


def batches(args):
    """Yields a batch of images of each side, after a line about it."""
    for side in args.sides:
        size = 256 if side < 100 else 32
        images, name = read_images(8 if args.smoke else size, side)
        print(f"{side} x {side}, batches of {len(images)} images, {name}")
        yield images


def read_images(count, side):
    """Returns CIFAR-10 images resized to `side`, or random ones, and a name."""
    try:
        import tensorflow_datasets as tfds

        examples = tfds.load("cifar10", split=f"test[:{count}]", download=False)
        images = np.stack([e["image"] for e in examples.as_numpy_iterator()])
        name = "CIFAR-10"
    except (ImportError, AssertionError, OSError):  # No TFDS, or not prepared.
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (count, side, side, 3), "uint8")
        name = "random"
    if images.shape[1] != side:
        images = tf.cast(tf.image.resize(images, (side, side)), tf.uint8)
    return tf.convert_to_tensor(images), name


def by_batch(view):
    """Returns an infinite pipeline of a view of batches."""

    def pipeline(images):
        batches = tf.data.Dataset.from_tensors(images).repeat()
        return batches.enumerate().map(
            lambda step, batch: view(batch, tf.stack([step, 0])),
            num_parallel_calls=tf.data.AUTOTUNE,
        )

    return pipeline


def read_for(iterator, seconds):
    """Reads for some seconds, at least one batch; returns batches/s."""
    start, count = time.perf_counter(), 0
    while not count or time.perf_counter() - start < seconds:
        next(iterator)
        count += 1
    return count / (time.perf_counter() - start)


def images_per_second(dataset, batch, seconds):
    """Returns the speed of a pipeline of batches, once it has settled."""
    iterator = iter(dataset)
    next(iterator)  # Traces.
    read_for(iterator, seconds / 2)
    return batch * read_for(iterator, seconds)  # Its threads end with it.
