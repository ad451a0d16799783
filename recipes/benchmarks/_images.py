"""Images for the benchmarks of views, and pipelines that read them."""

import time

import numpy as np
import tensorflow as tf


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
