"""Reads one batch of each stream per step, and maps the batches to views."""

import math
import weakref

import tensorflow as tf

from kconsist import _checks
from kconsist.data import _inputs
from kconsist.data._epochs import EpochCounter
from kconsist.data._streams import ArrayStream, DatasetStream, count_from

_PIPELINES: weakref.WeakSet = weakref.WeakSet()


def is_pipeline(dataset) -> bool:
    """Returns whether a `Reader` made a dataset, with nothing added to it."""
    return dataset in _PIPELINES


class Reader:
    """Reads streams in parallel, one batch of each per step.

    Args:
        seed: seed of the orders and of the views.
        start_step: step of the first batch.
        shuffle_buffer: size of the shuffle buffer of `tf.data` sources.
        input_context: `tf.distribute.InputContext` of the worker that reads
            its shard of each batch, or `None` for whole batches.
    """

    def __init__(self, *, seed, start_step, shuffle_buffer, input_context):
        seed = _checks.as_integer("seed", seed, minimum=0)
        self.start_step = _checks.as_integer(
            "start_step", start_step, minimum=0
        )
        self.buffer_size = _checks.as_integer("shuffle_buffer", shuffle_buffer)
        self.input_context = input_context
        self.streams = []
        # One key for all views, and one for the order of each of two streams.
        with tf.device("CPU:0"):
            root = tf.constant([seed % 2**63, 0], tf.int64)
            self.view_key, *self.stream_keys = tf.unstack(
                tf.random.split(root, 3)
            )
            if input_context is not None and (
                input_context.num_input_pipelines > 1
            ):
                # Workers read different images, so their views differ too.
                self.view_key = tf.random.fold_in(
                    self.view_key, input_context.input_pipeline_id
                )

    def add_source(
        self, source, batch_size, *, shuffle=True, single_pass=False
    ) -> None:
        """Adds the stream of a source that `standardize_source` returned."""
        if self.input_context is not None:
            check_divisible(batch_size, single_pass, self.input_context)
        options = batch_size, shuffle, single_pass
        if isinstance(source, tf.data.Dataset):
            stream = DatasetStream(source, *options, self.buffer_size)
        else:
            stream = ArrayStream(source, *options)
        self.streams.append(stream)

    def batches(self, steps, make_batch) -> tf.data.Dataset:
        """Returns a dataset of `steps` batches, one epoch.

        Epoch 0 is the `steps` steps from `start_step` on, epoch 1 the `steps`
        steps after these, and so on; `EpochCounter` decides which one an
        iterator reads.

        Args:
            steps: number of batches per epoch.
            make_batch: function of `(batches, key)`: a tuple of tensors for
                each stream, and an int64 tensor (2,), the seed of the step.

        Returns:
            `tf.data.Dataset` of `steps` elements.
        """
        epochs = EpochCounter()

        def epoch_steps(epoch):
            first = self.start_step + epoch * steps
            keys = count_from(first).map(
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
            if self.input_context is not None:
                batches = tf.nest.map_structure(
                    lambda batch: worker_shard(batch, self.input_context),
                    batches,
                )
            examples = [
                stream.read(batch)
                for stream, batch in zip(self.streams, batches, strict=True)
            ]
            return make_batch(examples, key), end

        def mark_read(batch, end):
            epochs.mark_read(end)
            return batch

        batches = epochs.next_epoch().flat_map(epoch_steps)
        batches = batches.apply(tf.data.experimental.assert_cardinality(steps))
        # The views run here, not inside flat_map, where calls are sequential.
        batches = batches.map(
            read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        # Counting comes last: nothing after it reads ahead of the caller.
        batches = batches.prefetch(tf.data.AUTOTUNE).map(mark_read)
        if self.input_context is not None:
            batches = split_among_replicas(batches, self.input_context)
        options = tf.data.Options()
        options.experimental_optimization.inject_prefetch = False
        batches = batches.with_options(options)
        _PIPELINES.add(batches)
        return batches

    def epoch_length(
        self, source, batch_size, steps, drop_remainder
    ) -> tuple[int, bool]:
        """Returns the steps per epoch, and whether an epoch is a single pass.

        Args:
            source: source that `standardize_source` returned.
            batch_size: number of examples per batch.
            steps: number of steps, or `None` for one pass.
            drop_remainder: whether a last, smaller batch is left out.

        Returns:
            `(steps, single_pass)`; in a single pass the last batch may be
            smaller, otherwise every batch is whole.
        """
        if steps is not None:
            return _checks.as_integer("steps", steps), False
        size = _inputs.num_examples(source)
        if drop_remainder:
            return max(1, size // batch_size), False
        steps = math.ceil(size / batch_size)
        if self.start_step % steps:
            raise ValueError(
                f"start_step must be a multiple of the {steps} steps of an "
                f"epoch with drop_remainder=False, got {self.start_step}"
            )
        return steps, True


def worker_shard(batch, input_context):
    """Returns a worker's shard of a batch, or of the batch's indices."""
    size = batch.shape[0] // input_context.num_input_pipelines
    start = input_context.input_pipeline_id * size
    return batch[start : start + size]


def split_among_replicas(batches, input_context) -> tf.data.Dataset:
    """Splits each batch of a worker into one batch per replica.

    A strategy takes as many elements per step as the worker has replicas;
    together they are the global batch.
    """
    replicas = (
        input_context.num_replicas_in_sync // input_context.num_input_pipelines
    )
    if replicas == 1:
        return batches

    def split(*batch):
        return tf.data.Dataset.from_tensor_slices(
            tf.nest.map_structure(
                lambda x: tf.reshape(
                    x, (replicas, x.shape[0] // replicas, *x.shape[1:])
                ),
                batch,
            )
        )

    return batches.flat_map(split)


def check_divisible(batch_size, single_pass, input_context) -> None:
    """Raises `ValueError` unless batches divide evenly among the replicas."""
    replicas = input_context.num_replicas_in_sync
    if single_pass:
        raise ValueError(
            "drop_remainder must be True, or steps given, with an "
            "input_context, got drop_remainder=False: a smaller last batch "
            "does not divide among the replicas"
        )
    if batch_size % replicas:
        raise ValueError(
            f"a batch must divide among the {replicas} replicas of "
            f"input_context, got a batch of {batch_size}"
        )
