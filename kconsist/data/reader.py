"""Reads streams together, one batch of each a step, and maps them to views."""

import math

import tensorflow as tf

from kconsist.data import inputs
from kconsist.data.epochs import Epochs
from kconsist.data.streams import ArrayStream, DatasetStream, numbers_from


class Reader:
    """Opens streams that are read together, one batch of each a step.

    Args:
        seed: seed of the orders and of the views.
        start_step: step of the first batch.
        shuffle_buffer: size of the shuffle buffer of `tf.data` sources.
        input_context: `tf.distribute.InputContext` of the worker that reads
            its share of each batch, or None for whole batches.
    """

    def __init__(self, *, seed, start_step, shuffle_buffer, input_context):
        """Checks the numbers."""
        seed = inputs.whole_number("seed", seed, 0)
        self.start_step = inputs.whole_number("start_step", start_step, 0)
        self.buffer = inputs.whole_number("shuffle_buffer", shuffle_buffer)
        self.worker = input_context
        self.streams = []
        # One seed for all views, one for the order of each of two streams.
        with tf.device("CPU:0"):
            root = tf.constant([seed % 2**63, 0], tf.int64)
            self.view_key, *self.stream_keys = tf.unstack(
                tf.random.split(root, 3)
            )
            if self.worker is not None and self.worker.num_input_pipelines > 1:
                # Each worker's views are its own, as its images are.
                self.view_key = tf.random.fold_in(
                    self.view_key, self.worker.input_pipeline_id
                )

    def open(self, source, batch_size, *, shuffle=True, single_pass=False):
        """Adds the stream of a source that `read_source` has checked."""
        if self.worker is not None:
            check_shares(batch_size, single_pass, self.worker)
        options = batch_size, shuffle, single_pass
        if isinstance(source, tf.data.Dataset):
            stream = DatasetStream(source, *options, self.buffer)
        else:
            stream = ArrayStream(source, *options)
        self.streams.append(stream)

    def batches(self, steps, make_batch):
        """Returns a dataset of `steps` batches, an epoch.

        Epoch 0 is the `steps` steps from `start_step` on, epoch 1 the `steps`
        steps after these, and so on; `Epochs` says which one an iterator reads.

        Args:
            steps: number of batches of an epoch.
            make_batch: function of `(batches, key)`: a tuple of tensors for
                each stream, and an int64 tensor (2,) that is new at each step.

        Returns:
            `tf.data.Dataset` of `steps` elements.
        """
        epochs = Epochs()

        def steps_of(epoch):
            first = self.start_step + epoch * steps
            keys = numbers_from(first).map(
                lambda step: tf.random.fold_in(self.view_key, step)
            )
            batches = tuple(
                stream.batches(key, first)
                for stream, key in zip(
                    self.streams, self.stream_keys, strict=False
                )
            )
            # The last batch carries the number of the epoch that it ends.
            ends = tf.data.Dataset.range(1, steps + 1).map(
                lambda count: tf.where(count == steps, epoch, -1)
            )
            # The ends come first: nothing is read after the last one.
            return tf.data.Dataset.zip((ends, keys, batches))

        def read(end, key, batches):
            if self.worker is not None:
                batches = tf.nest.map_structure(
                    lambda batch: share(batch, self.worker), batches
                )
            read = [
                s.read(b) for s, b in zip(self.streams, batches, strict=True)
            ]
            return make_batch(read, key), end

        def count(batch, end):
            epochs.end(end)
            return batch

        batches = epochs.numbers().flat_map(steps_of)
        batches = batches.apply(tf.data.experimental.assert_cardinality(steps))
        # The views run here, outside of flat_map, where calls can be parallel.
        batches = batches.map(
            read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        # Last comes what counts: nothing reads ahead of the caller after it.
        batches = batches.prefetch(tf.data.AUTOTUNE).map(count)
        if self.worker is not None:
            batches = for_replicas(batches, self.worker)
        options = tf.data.Options()
        options.experimental_optimization.inject_prefetch = False
        return batches.with_options(options)

    def epoch_length(self, source, batch_size, steps, drop_remainder):
        """Returns the steps of an epoch, and whether it is a single pass.

        Args:
            source: source that `read_source` has checked.
            batch_size: examples of a batch.
            steps: steps asked for, or `None` for one pass.
            drop_remainder: whether a last, smaller batch is left out.

        Returns:
            `(steps, single_pass)`; in a single pass the last batch may be
            smaller, otherwise every batch is whole.
        """
        if steps is not None:
            return inputs.whole_number("steps", steps), False
        size = length(source)
        if drop_remainder:
            return max(1, size // batch_size), False
        steps = math.ceil(size / batch_size)
        if self.start_step % steps:
            raise ValueError(
                f"start_step must be a multiple of the {steps} steps of an "
                f"epoch with drop_remainder=False, got {self.start_step}"
            )
        return steps, True


def share(batch, worker):
    """Returns a worker's part of a batch, or of its indices."""
    size = batch.shape[0] // worker.num_input_pipelines
    start = worker.input_pipeline_id * size
    return batch[start : start + size]


def for_replicas(batches, worker):
    """Returns the batches of a worker's replicas, one after the other.

    A strategy takes as many elements a step as the worker has replicas: all of
    them together are the global batch.
    """
    count = worker.num_replicas_in_sync // worker.num_input_pipelines
    if count == 1:
        return batches

    def parts(*batch):
        return tf.data.Dataset.from_tensor_slices(
            tf.nest.map_structure(
                lambda x: tf.reshape(
                    x, (count, x.shape[0] // count, *x.shape[1:])
                ),
                batch,
            )
        )

    return batches.flat_map(parts)


def check_shares(batch_size, single_pass, worker):
    """Raises `ValueError` where batches do not divide among the replicas."""
    count = worker.num_replicas_in_sync
    if single_pass:
        raise ValueError(
            "drop_remainder must be True, or steps be given, with an "
            "input_context: a smaller last batch does not divide among them"
        )
    if batch_size % count:
        raise ValueError(
            f"a batch must divide among the {count} replicas of input_context, "
            f"got a batch of {batch_size}"
        )


def length(source):
    """Returns the number of examples of a source, or raises `ValueError`."""
    if not isinstance(source, tf.data.Dataset):
        return len(source[0])
    size = int(source.cardinality())
    if size < 0:
        raise ValueError(
            "steps must be given for a dataset of unknown or infinite "
            f"cardinality, got steps=None and cardinality {size}"
        )
    return size
