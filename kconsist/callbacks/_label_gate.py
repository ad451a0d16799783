"""Makes an input pipeline wait for labels that a callback writes.

A pipeline reads ahead of training, so it reaches an epoch before the labels of
that epoch are written.
"""

import threading

import numpy as np
import tensorflow as tf

_UNLIMITED = 2**40
_POLL_SECONDS = 0.1


class LabelGate:
    """Limits how many batches a pipeline may make with the current labels.

    The limit applies to each iterator separately, counted from its first batch.
    A new gate is open.
    """

    def __init__(self):
        self._limit = None
        self._changed = threading.Condition()

    def close(self) -> None:
        """Sets the limit to 0 batches."""
        self._set_limit(0)

    def allow(self, num_batches: int) -> None:
        """Raises the limit by a number of batches."""
        self._set_limit(self._limit + num_batches)

    def open(self) -> None:
        """Removes the limit."""
        self._set_limit(None)

    def _set_limit(self, limit):
        with self._changed:
            self._limit = limit
            self._changed.notify_all()

    def wait(self, num_made):
        """Returns the limit once it exceeds the batches already made.

        Args:
            num_made: int64 tensor ().

        Returns:
            int64 tensor ().
        """

        def poll(num_made):
            def limit():
                if self._limit is None:
                    return num_made + _UNLIMITED
                return self._limit

            with self._changed:
                self._changed.wait_for(
                    lambda: limit() > num_made, _POLL_SECONDS
                )
                return np.int64(limit())

        # Short calls in a TensorFlow loop, which ends with its iterator.
        return tf.while_loop(
            lambda limit: limit <= num_made,
            lambda limit: tf.ensure_shape(
                tf.numpy_function(poll, [num_made], tf.int64), ()
            ),
            [num_made],
        )[0]
