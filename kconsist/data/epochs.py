"""Which epoch an iterator reads: the only state of the builders' data sets.

A batch is a function of the seed and the step. What an iterator begins with is
one rule:

- A new iterator begins with the first epoch that no iterator has read to its
  last batch. So `fit` without `repeat()` trains on consecutive epochs, a second
  `fit` continues after the first one, and looking at a batch changes nothing.
- `repeat()` continues from there, whatever other iterators of the same data
  set read meanwhile.

A batch counts as read when it leaves the builder's own pipeline. A `prefetch`
behind it reads ahead, and so does a strategy with several replicas, a few
batches each: an epoch shorter than that may count as read although training
has not reached its end. Only a later new iterator notices.
"""

import tensorflow as tf


class Epochs:
    """Numbers the epochs of one data set."""

    def __init__(self):
        """Begins with epoch 0."""
        self._unread = 0

    def numbers(self) -> tf.data.Dataset:
        """Returns a dataset of one int64: the epoch that begins here."""

        def begin(_):
            unread = tf.numpy_function(lambda: self._unread, [], tf.int64)
            return next_number(tf.ensure_shape(unread, ()))

        return tf.data.Dataset.range(1).map(begin)

    def end(self, number):
        """Counts an epoch as read, where `number` is not negative."""

        def count(number):
            self._unread = max(self._unread, int(number) + 1)
            return number

        return tf.cond(
            number < 0,
            lambda: number,
            lambda: tf.numpy_function(count, [number], tf.int64),
        )


def next_number(first):
    """Returns `first` for a new iterator, and one more each further time.

    Args:
        first: int64 tensor ().
    """
    # A table without a name belongs to its kernel. Each iterator has a kernel
    # of its own and keeps it through all repetitions.
    table = tf.raw_ops.MutableHashTableV2(
        key_dtype=tf.int64, value_dtype=tf.int64
    )
    key = tf.zeros((), tf.int64)
    number = tf.raw_ops.LookupTableFindV2(
        table_handle=table, keys=key, default_value=first
    )
    number = tf.ensure_shape(number, ())
    tf.raw_ops.LookupTableInsertV2(
        table_handle=table, keys=key, values=number + 1
    )
    return number
