"""Endless shuffled streams of examples, read one batch a step.

The order of arrays in memory and the seed of each step are functions of the
seed and the number of the epoch, so there is no shuffle buffer, and any number
of threads give the same batches.
"""

import math

import numpy as np
import tensorflow as tf

from kconsist.data import inputs


class ArrayStream:
    """Batches of arrays in memory, in the order of one permutation a pass.

    Args:
        arrays: tuple of arrays, each (examples, ...).
        batch_size: examples of a batch.
        shuffle: whether each pass has an order of its own.
        single_pass: whether an epoch ends with its first pass, in a batch that
            may be smaller. Defaults to `False`: passes go on without end.
    """

    def __init__(self, arrays, batch_size, shuffle=True, single_pass=False):
        """Copies the arrays into tensors, once."""
        self.size = len(arrays[0])
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.single_pass = single_pass
        self.elements = tf.data.Dataset.counter()
        with tf.device("CPU:0"):
            self.arrays = tuple(tf.constant(array) for array in arrays)

    def order(self, key):
        """Returns the indices of an epoch's batches.

        Args:
            key: int tensor (2,), new in each epoch.

        Returns:
            dataset of int32 tensors (batch,).
        """

        def permutation(number):
            indices = tf.range(self.size)
            if not self.shuffle:
                return indices
            pass_key = tf.random.fold_in(key, number)
            return tf.random.experimental.stateless_shuffle(indices, pass_key)

        passes = tf.data.Dataset.counter(dtype=tf.int32)
        if self.single_pass:
            passes = passes.take(1)
        return passes.map(permutation).rebatch(
            self.batch_size, drop_remainder=not self.single_pass
        )

    def read(self, indices, element):
        """Returns the tensors of one step."""
        del element
        return tuple(tf.gather(array, indices) for array in self.arrays)


class DatasetStream:
    """Batches of a `tf.data.Dataset`, shuffled once, before any view.

    Args:
        dataset: dataset of tuples, one example an element.
        batch_size: examples of a batch.
        shuffle: whether each pass has an order of its own.
        single_pass: whether an epoch ends with its first pass, in a batch that
            may be smaller. Defaults to `False`: passes go on without end.
        buffer: size of the shuffle buffer.
        seed: seed of the shuffle.
    """

    def __init__(
        self,
        dataset,
        batch_size,
        shuffle=True,
        single_pass=False,
        *,
        buffer,
        seed,
    ):
        """Shuffles single examples, then batches them."""
        if shuffle:
            dataset = dataset.shuffle(buffer, seed=seed)
        if not single_pass:
            dataset = dataset.repeat()
        self.elements = dataset.batch(
            batch_size, drop_remainder=not single_pass
        )

    def order(self, key):
        """Returns a dataset without meaning: the order is the dataset's own."""
        del key
        return tf.data.Dataset.counter()

    def read(self, indices, element):
        """Returns the tensors of one step."""
        del indices
        return element


def open_stream(
    source, batch_size, *, shuffle=True, single_pass=False, buffer, seed
):
    """Returns the stream of a source that `read_source` has checked."""
    if isinstance(source, tf.data.Dataset):
        return DatasetStream(
            source, batch_size, shuffle, single_pass, buffer=buffer, seed=seed
        )
    return ArrayStream(source, batch_size, shuffle, single_pass)


def read_streams(streams, *, seed: int, steps: int, make_batch):
    """Returns a dataset of `steps` batches, new ones in each iteration.

    Args:
        streams: list of streams.
        seed: seed of the sequence of epochs.
        steps: number of batches of an epoch.
        make_batch: function of `(batches, key)`: a tuple of tensors for each
            stream, and an int32 tensor (2,) that is new at each step.

    Returns:
        `tf.data.Dataset` of `steps` elements.
    """
    draws = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    epochs = draws.batch(2, drop_remainder=True).take(1)

    def steps_of(draw):
        key = tf.cast(draw % np.iinfo(np.int32).max, tf.int32)
        step_key, *order_keys = tf.unstack(
            tf.random.split(key, 1 + len(streams))
        )
        numbers = tf.data.Dataset.range(steps, output_type=tf.int32)
        keys = numbers.map(lambda step: tf.random.fold_in(step_key, step))
        orders = map(lambda s, k: s.order(k), streams, order_keys)
        return tf.data.Dataset.zip((keys, tuple(orders)))

    def read(numbered, elements):
        key, orders = numbered
        batches = [
            stream.read(indices, element)
            for stream, indices, element in zip(
                streams, orders, elements, strict=True
            )
        ]
        return make_batch(batches, key)

    elements = tuple(stream.elements for stream in streams)
    batches = tf.data.Dataset.zip((epochs.flat_map(steps_of), elements))
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps))
    # The views run here, outside of flat_map, where calls can be parallel.
    return batches.map(
        read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    ).prefetch(tf.data.AUTOTUNE)


def epoch_length(source, batch_size, steps, drop_remainder):
    """Returns the steps of an epoch, and whether it is a single pass.

    Args:
        source: source that `read_source` has checked.
        batch_size: examples of a batch.
        steps: steps asked for, or `None` for one pass.
        drop_remainder: whether a last, smaller batch is left out.

    Returns:
        `(steps, single_pass)`; in a single pass the last batch may be smaller,
        otherwise every batch is whole.
    """
    if steps is not None:
        return inputs.whole_number("steps", steps), False
    if isinstance(source, tf.data.Dataset):
        size = int(source.cardinality())
        if size < 0:
            raise ValueError(
                "steps must be given for a dataset of unknown or infinite "
                f"cardinality, got steps=None and cardinality {size}"
            )
    else:
        size = len(source[0])
    if drop_remainder:
        return max(1, size // batch_size), False
    return math.ceil(size / batch_size), True
