"""Batches that Python makes, checked as those of a `tf.data.Dataset` are."""

import types

import keras

from kconsist.trainer import _batch_spec


def validate(batches, expected: _batch_spec.BatchSpec):
    """Returns a `PyDataset` or a generator whose every batch is checked.

    Anything else comes back as it is.
    """
    if isinstance(batches, keras.utils.PyDataset):
        return CheckedPyDataset(batches, expected)
    if isinstance(batches, types.GeneratorType):
        return (_passed(data, expected) for data in batches)
    return batches


class CheckedPyDataset(keras.utils.PyDataset):
    """A `keras.utils.PyDataset` whose every batch is checked as it is read.

    Args:
        dataset: the data set.
        expected: what the trainer expects of its batches.
    """

    def __init__(self, dataset, expected):
        super().__init__(
            dataset.workers,
            dataset.use_multiprocessing,
            dataset.max_queue_size,
        )
        self.dataset = dataset
        self.expected = expected

    @property
    def num_batches(self):
        """Number of batches, or None."""
        return self.dataset.num_batches

    def __getitem__(self, index):
        """Returns a batch."""
        return _passed(self.dataset[index], self.expected)

    def on_epoch_begin(self):
        """Calls the data set's."""
        self.dataset.on_epoch_begin()

    def on_epoch_end(self):
        """Calls the data set's."""
        self.dataset.on_epoch_end()


def _passed(data, expected):
    """Returns a batch that passes; Keras reads it within a tf.data.Dataset."""
    try:
        _batch_spec.check_batch(data, expected)
    except ValueError as error:
        raise ValueError(f"{_batch_spec.MARK}{error}") from None
    return data
