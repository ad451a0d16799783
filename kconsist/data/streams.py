"""Endless shuffled streams of examples, entered at any step.

What a stream reads at a step is a function of the seed and the step alone:
pass after pass over the source, each in an order of its own, cut into batches.
So there is no state to save: a run goes on at any step, and two processes with
one seed read the same batches.
"""

import math

import numpy as np
import tensorflow as tf


class ArrayStream:
    """Batches of arrays in memory, by a permutation of their indices a pass.

    Args:
        arrays: tuple of arrays, each (examples, ...).
        batch_size: examples of a batch.
        shuffle: whether each pass has an order of its own.
        single_pass: whether an epoch is one pass, whose last batch may be
            smaller. Defaults to `False`: passes follow each other within a
            batch.
    """

    def __init__(self, arrays, batch_size, shuffle=True, single_pass=False):
        """Keeps the arrays as they are."""
        self.size = len(arrays[0])
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.single_pass = single_pass
        self.arrays = arrays

    def batches(self, key, step):
        """Returns the batches from a step on.

        Args:
            key: int64 tensor (2,), the stream's seed.
            step: int64 tensor ().

        Returns:
            dataset of int32 tensors (batch,), the indices of each batch.
        """
        first, offset = start_of(step, self)

        def indices_of(number):
            indices = tf.range(self.size)
            if self.shuffle:
                indices = tf.random.experimental.stateless_shuffle(
                    indices, tf.random.fold_in(key, number)
                )
            return indices[tf.where(number == first, offset, 0) :]

        passes = numbers_from(first)
        if self.single_pass:
            passes = passes.take(1)
        return passes.map(indices_of).rebatch(
            self.batch_size, drop_remainder=not self.single_pass
        )

    def length(self):
        """Returns the examples of a pass, int64."""
        return tf.constant(self.size, tf.int64)

    def read(self, indices):
        """Returns the examples of a batch, a tuple of tensors."""
        return rows(self.arrays, indices)


class DatasetStream:
    """Batches of a `tf.data.Dataset`, shuffled once, before any view.

    To enter at a step it reads the examples before it, at most those of one
    pass. A length that the dataset does not know is learned when a first pass
    ends; until then all examples before the step are read, and always so for an
    infinite dataset.

    Args:
        dataset: dataset of tuples, one example an element, as many in each
            pass.
        batch_size: examples of a batch.
        shuffle: whether each pass has an order of its own.
        single_pass: whether an epoch is one pass, whose last batch may be
            smaller. Defaults to `False`: passes follow each other within a
            batch.
        buffer: size of the shuffle buffer. Defaults to `10_000`.
    """

    def __init__(
        self,
        dataset,
        batch_size,
        shuffle=True,
        single_pass=False,
        buffer=10_000,
    ):
        """Keeps the dataset as it is."""
        self.dataset = dataset
        self.size = max(0, int(dataset.cardinality()))
        self._learned = 0
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.single_pass = single_pass
        self.buffer = buffer

    def batches(self, key, step):
        """Returns the batches from a step on, tuples of tensors (batch, …)."""
        first, offset = start_of(step, self)

        def examples_of(number):
            if not self.shuffle:
                return self.dataset
            # The seed of this function's own graph: the shuffle then draws
            # the same whatever TensorFlow's global seed is.
            tf.random.set_seed(1)
            pass_key = tf.random.fold_in(key, number)
            seed = tf.random.stateless_uniform(
                (), pass_key, minval=None, maxval=None, dtype=tf.int64
            )
            return self.dataset.shuffle(
                self.buffer, seed=seed, reshuffle_each_iteration=False
            )

        passes = numbers_from(first)
        if self.single_pass:
            passes = passes.take(1)
        if self.size:
            examples = passes.flat_map(examples_of)
        else:
            examples = self._counted(passes, examples_of)
        return examples.skip(offset).batch(
            self.batch_size, drop_remainder=not self.single_pass
        )

    def _counted(self, passes, examples_of):
        """Returns the examples of passes, and learns how many a pass has."""

        def learn(last):
            self._learned = int(last) + 1
            return last

        def count(last, index, example):
            tf.cond(
                tf.logical_and(index == 0, last >= 0),
                lambda: tf.numpy_function(learn, [last], tf.int64),
                lambda: last,
            )
            return index, example

        numbered = passes.flat_map(
            lambda number: examples_of(number).enumerate()
        )
        return numbered.scan(
            tf.constant(-1, tf.int64), lambda last, item: count(last, *item)
        )

    def length(self):
        """Returns the examples of a pass, int64; 0 as long as it is unknown."""
        if self.size:
            return tf.constant(self.size, tf.int64)
        learned = tf.numpy_function(lambda: self._learned, [], tf.int64)
        return tf.ensure_shape(learned, ())

    def read(self, batch):
        """Returns the examples of a batch, a tuple of tensors."""
        return batch


def rows(arrays, indices):
    """Returns the rows of NumPy arrays at an index tensor, a tuple of tensors.

    NumPy reads them: TensorFlow would copy the arrays. float64 becomes float32.
    """
    dtypes = [
        np.float32 if array.dtype == np.float64 else array.dtype
        for array in arrays
    ]

    def read(indices):
        return [
            np.take(array, indices, axis=0).astype(dtype, copy=False)
            for array, dtype in zip(arrays, dtypes, strict=True)
        ]

    found = tf.numpy_function(read, [indices], dtypes, stateful=False)
    return tuple(
        tf.ensure_shape(row, (*indices.shape, *array.shape[1:]))
        for row, array in zip(found, arrays, strict=True)
    )


def start_of(step, stream):
    """Returns the pass that a step starts in, and how far: int64, int64."""
    if stream.single_pass:
        return step // math.ceil(stream.size / stream.batch_size), 0
    position, length = step * stream.batch_size, stream.length()
    # While the length is unknown, the dataset is read from its beginning.
    number = position // tf.maximum(length, 1) * tf.sign(length)
    return number, position - number * length


def numbers_from(first):
    """Returns a dataset that counts on from an int64 tensor, without end."""
    return tf.data.Dataset.counter().map(lambda number: first + number)
