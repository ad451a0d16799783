"""Labels that a callback writes before each epoch, and a pipeline reads.

A pipeline reads ahead of training, so it comes to an epoch before its labels
are written. `Turns` makes it wait for them.
"""

import threading

import numpy as np
import tensorflow as tf

_UNLIMITED = 2**40
_SECONDS = 0.1


class Turns:
    """Says how many batches a pipeline may make with the labels as they are.

    The limit is for each iterator. One that begins during training never waits
    before it has made as many batches as training has had.
    """

    def __init__(self):
        """Begins without a limit."""
        self._limit = None
        self._changed = threading.Condition()

    def begin(self) -> None:
        """Sets the limit to 0: no labels were written."""
        self._set(0)

    def allow(self, count: int) -> None:
        """Raises the limit by a number of batches."""
        self._set(self._limit + count)

    def end(self) -> None:
        """Removes the limit."""
        self._set(None)

    def _set(self, limit):
        with self._changed:
            self._limit = limit
            self._changed.notify_all()

    def wait(self, made):
        """Returns the limit once it is above `made`, an int64 tensor ()."""

        def poll(made):
            def limit():
                return made + _UNLIMITED if self._limit is None else self._limit

            with self._changed:
                self._changed.wait_for(lambda: limit() > made, _SECONDS)
                return np.int64(limit())

        # Short calls in a loop of TensorFlow's, which ends with its iterator.
        return tf.while_loop(
            lambda limit: limit <= made,
            lambda limit: tf.ensure_shape(
                tf.numpy_function(poll, [made], tf.int64), ()
            ),
            [made],
        )[0]
