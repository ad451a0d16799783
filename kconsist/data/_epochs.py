"""Counts the epochs of a dataset: the only state of the pipelines.

- A new iterator starts with the first epoch that no iterator has read to its
  last batch.
- `repeat()` continues with the following epochs, whatever other iterators of
  the same dataset read in the meantime.

A batch counts as read when it leaves the pipeline that the builder made. A
`prefetch` after it reads ahead, and so does a strategy with several replicas,
by a few batches each. An epoch shorter than that may count as read before
training has reached its end, which affects only a later new iterator.
"""

import tensorflow as tf


class EpochCounter:
    """Numbers the epochs of one dataset, from 0."""

    def __init__(self):
        self._first_unread = 0

    def next_epoch(self) -> tf.data.Dataset:
        """Returns a dataset of one int64: the epoch that starts now."""

        def start(_):
            unread = tf.numpy_function(lambda: self._first_unread, [], tf.int64)
            return count_per_iterator(tf.ensure_shape(unread, ()))

        return tf.data.Dataset.range(1).map(start)

    def mark_read(self, epoch):
        """Counts an epoch as read, unless it is negative.

        Args:
            epoch: int64 tensor ().
        """

        def mark(epoch):
            self._first_unread = max(self._first_unread, int(epoch) + 1)
            return epoch

        return tf.cond(
            epoch < 0,
            lambda: epoch,
            lambda: tf.numpy_function(mark, [epoch], tf.int64),
        )


def count_per_iterator(start):
    """Returns `start` once in each iterator, then one more at each call.

    Args:
        start: int64 tensor ().
    """
    # A table without a name belongs to its kernel. Each iterator has its own
    # kernel and keeps it through all repetitions.
    table = tf.raw_ops.MutableHashTableV2(
        key_dtype=tf.int64, value_dtype=tf.int64
    )
    key = tf.zeros((), tf.int64)
    number = tf.raw_ops.LookupTableFindV2(
        table_handle=table, keys=key, default_value=start
    )
    number = tf.ensure_shape(number, ())
    tf.raw_ops.LookupTableInsertV2(
        table_handle=table, keys=key, values=number + 1
    )
    return number
