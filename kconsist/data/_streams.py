"""Endless shuffled streams of examples that can start at any step.

A stream makes pass after pass over its source, each in a new order, and divides
them into batches. What it reads at a step depends only on the seed and the
step. So there is no state to save: a run resumes at any step, and two processes
with the same seed read the same batches.
"""

import math

import numpy as np
import tensorflow as tf


class ArrayStream:
    """Batches of arrays in memory, with one permutation of indices per pass.

    Args:
        arrays: tuple of arrays, each (examples, ...).
        batch_size: number of examples per batch.
        shuffle: whether each pass has a new order. Defaults to `True`.
        single_pass: whether an epoch is one pass, whose last batch may be
            smaller. Defaults to `False`: a batch may span two passes.
    """

    def __init__(self, arrays, batch_size, shuffle=True, single_pass=False):
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
            Dataset of int32 tensors (batch,), the indices of each batch.
        """
        first_pass, offset = pass_and_offset(step, self)

        def pass_indices(number):
            indices = tf.range(self.size)
            if self.shuffle:
                indices = tf.random.experimental.stateless_shuffle(
                    indices, tf.random.fold_in(key, number)
                )
            return indices[tf.where(number == first_pass, offset, 0) :]

        passes = count_from(first_pass)
        if self.single_pass:
            passes = passes.take(1)
        return passes.map(pass_indices).rebatch(
            self.batch_size, drop_remainder=not self.single_pass
        )

    def num_examples(self):
        """Returns the number of examples per pass, int64."""
        return tf.constant(self.size, tf.int64)

    def read(self, indices):
        """Returns the examples of a batch, a tuple of tensors."""
        return take_rows(self.arrays, indices)


class DatasetStream:
    """Batches of a `tf.data.Dataset`, shuffled before any view.

    To start at a step it reads the examples before it, at most those of one
    pass. If the dataset does not know its length, the stream learns it at the
    end of a first pass; until then, and always for an infinite dataset, it
    reads all examples before the step.

    Args:
        dataset: dataset of tuples, one example per element, equally many in
            each pass.
        batch_size: number of examples per batch.
        shuffle: whether each pass has a new order. Defaults to `True`.
        single_pass: whether an epoch is one pass, whose last batch may be
            smaller. Defaults to `False`: a batch may span two passes.
        buffer_size: size of the shuffle buffer. Defaults to `10_000`.
    """

    def __init__(
        self,
        dataset,
        batch_size,
        shuffle=True,
        single_pass=False,
        buffer_size=10_000,
    ):
        self.dataset = dataset
        self.size = max(0, int(dataset.cardinality()))
        self._learned_size = 0
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.single_pass = single_pass
        self.buffer_size = buffer_size

    def batches(self, key, step):
        """Returns the batches from a step on, tuples of tensors (batch, …)."""
        first_pass, offset = pass_and_offset(step, self)

        def pass_examples(number):
            if not self.shuffle:
                return self.dataset
            # This seeds only the function's own graph: the order then does not
            # depend on TensorFlow's global seed.
            tf.random.set_seed(1)
            pass_key = tf.random.fold_in(key, number)
            seed = tf.random.stateless_uniform(
                (), pass_key, minval=None, maxval=None, dtype=tf.int64
            )
            return self.dataset.shuffle(
                self.buffer_size, seed=seed, reshuffle_each_iteration=False
            )

        passes = count_from(first_pass)
        if self.single_pass:
            passes = passes.take(1)
        if self.size:
            examples = passes.flat_map(pass_examples)
        else:
            examples = self._learn_size(passes, pass_examples)
        return examples.skip(offset).batch(
            self.batch_size, drop_remainder=not self.single_pass
        )

    def _learn_size(self, passes, pass_examples):
        """Returns the examples of passes; stores the number of one pass."""

        def store(last):
            self._learned_size = int(last) + 1
            return last

        def count(last, index, example):
            tf.cond(
                tf.logical_and(index == 0, last >= 0),
                lambda: tf.numpy_function(store, [last], tf.int64),
                lambda: last,
            )
            return index, example

        indexed = passes.flat_map(
            lambda number: pass_examples(number).enumerate()
        )
        return indexed.scan(
            tf.constant(-1, tf.int64), lambda last, item: count(last, *item)
        )

    def num_examples(self):
        """Returns the number of examples per pass, int64; 0 if unknown yet."""
        if self.size:
            return tf.constant(self.size, tf.int64)
        learned = tf.numpy_function(lambda: self._learned_size, [], tf.int64)
        return tf.ensure_shape(learned, ())

    def read(self, batch):
        """Returns the examples of a batch, a tuple of tensors."""
        return batch


def take_rows(arrays, indices):
    """Returns rows of NumPy arrays, a tuple of tensors.

    NumPy takes them: TensorFlow would copy the arrays. float64 becomes float32.

    Args:
        arrays: tuple of arrays, each (examples, ...).
        indices: integer tensor (batch,).
    """
    dtypes = [
        np.float32 if array.dtype == np.float64 else array.dtype
        for array in arrays
    ]

    def take(indices):
        return [
            np.take(array, indices, axis=0).astype(dtype, copy=False)
            for array, dtype in zip(arrays, dtypes, strict=True)
        ]

    taken = tf.numpy_function(take, [indices], dtypes, stateful=False)
    return tuple(
        tf.ensure_shape(rows, (*indices.shape, *array.shape[1:]))
        for rows, array in zip(taken, arrays, strict=True)
    )


def pass_and_offset(step, stream):
    """Returns the pass in which a step starts, and the offset in it.

    Args:
        step: int64 tensor ().
        stream: the stream.

    Returns:
        `(pass, offset)`, int64.
    """
    if stream.single_pass:
        return step // math.ceil(stream.size / stream.batch_size), 0
    position, size = step * stream.batch_size, stream.num_examples()
    # While the size is unknown, the dataset is read from its start.
    number = position // tf.maximum(size, 1) * tf.sign(size)
    return number, position - number * size


def count_from(first):
    """Returns an endless dataset that counts up from an int64 tensor."""
    return tf.data.Dataset.counter().map(lambda number: first + number)
