"""Checks for batches of a `PyDataset` or a generator."""

import types

import keras

from kconsist.trainer import _batch_spec


def validate(batches, expected: _batch_spec.BatchSpec):
    """Returns a `PyDataset` or generator with every batch checked.

    Any other object is returned unchanged.
    """
    if isinstance(batches, keras.utils.PyDataset):
        return CheckedPyDataset(batches, expected)
    if isinstance(batches, types.GeneratorType):
        return (_validated(data, expected) for data in batches)
    return batches


class CheckedPyDataset(keras.utils.PyDataset):
    """A `keras.utils.PyDataset` that checks every batch as it is read.

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
        return _validated(self.dataset[index], self.expected)

    def on_epoch_begin(self):
        """Forwards to the data set."""
        self.dataset.on_epoch_begin()

    def on_epoch_end(self):
        """Forwards to the data set."""
        self.dataset.on_epoch_end()


def _validated(data, expected):
    """Returns a valid batch; Keras reads it within a tf.data.Dataset."""
    try:
        _batch_spec.check_batch(data, expected)
    except ValueError as error:
        raise ValueError(f"{_batch_spec.MARK}{error}") from None
    return data
