"""What Keras reads its epochs from: a data set without autotuning.

Keras makes an iterator at the start of an epoch and one more at its end, which
it never reads where an epoch is the whole data set. A new iterator optimizes
all functions again, half a second for those of RandAugment. So the one at the
end is left out, and a pipeline of `kconsist.data` keeps one iterator for all
epochs: its `repeat()` continues with the epoch that a new iterator would read.
Other data sets may start anew with each iterator, as those with random
operations do.
"""

import tensorflow as tf

from kconsist.data._autotuning import without_autotuning
from kconsist.data._reader import is_pipeline

_REPEATABLE = "kconsist_repeatable"  # Name of an attribute of data sets.


def mark(dataset: tf.data.Dataset, source: tf.data.Dataset):
    """Returns a data set, marked if its source is a pipeline of this package.

    Args:
        dataset: one that only checks the batches of `source`.
        source: the data set that the user gave.
    """
    if is_pipeline(source):
        setattr(dataset, _REPEATABLE, True)
    return dataset


class EpochReader:
    """Makes the iterators of Keras's iterator of epochs.

    Args:
        epochs: Keras's iterator of epochs.
        dataset: the `tf.data.Dataset` that it reads.
    """

    def __init__(self, epochs, dataset):
        self.epochs = epochs
        repeatable = getattr(dataset, _REPEATABLE, False)
        self.dataset = without_autotuning(dataset, rewrite=not repeatable)
        self.element_spec = dataset.element_spec
        # `steps_per_epoch` may end an epoch anywhere, and so may an execution
        # of several steps.
        whole = epochs.steps_per_epoch is None and epochs.num_batches
        self.keeps = repeatable and whole and self._executes_whole_epochs()
        self.omits_last = bool(whole)
        self._iterator = self._epoch = None

    def _executes_whole_epochs(self):
        return self.epochs.num_batches % self.epochs.steps_per_execution == 0

    def __iter__(self):
        epoch = getattr(self.epochs, "_epoch_iterator", None)
        ends = epoch is not None and epoch is self._epoch
        if ends and self.omits_last:
            self._epoch = None  # It was read to its end.
            return iter(())
        if not self.keeps:
            self._epoch = epoch
            return iter(self.dataset)
        if self._iterator is None or self._epoch is not None:
            self._iterator = iter(self.dataset.repeat())
        self._epoch = epoch
        return self._iterator
