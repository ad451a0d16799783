"""The epoch that an iterator reads, with other iterators at the same time."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist import data, views

STEPS, BATCH = 5, 4


def build(steps=STEPS, start_step=0, context=None):
    """Returns batches with labels by step: step 2 has the labels 8 to 11."""
    points = np.arange(400, dtype="float32")[:, None]
    return data.labeled_views(
        (points, np.arange(400)),
        view=views.Identity(),
        batch_size=BATCH,
        shuffle=False,
        steps=steps,
        start_step=start_step,
        input_context=context,
    )


def step_of(batch):
    return int(batch[1][0]) // BATCH


def steps_of(batches):
    return [step_of(batch) for batch in batches]


class Mean(keras.Model):
    """A model whose loss is the mean label, which shows an epoch's steps."""

    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs):
        return inputs + self.weight


def label_loss(labels, outputs):
    return tf.cast(tf.reshape(labels, (-1, 1)), "float32") + 0 * outputs


def fit_steps(model, batches, **options):
    """Trains; returns the first step of each epoch, by log."""
    model.compile(keras.optimizers.SGD(0.0), label_loss, metrics=[label_loss])
    history = model.fit(batches, shuffle=False, verbose=0, **options).history
    return {name: first_steps(values) for name, values in history.items()}


def first_steps(losses, steps=STEPS):
    middle = (BATCH * steps - 1) / 2
    return [round((loss - middle) / BATCH, 2) for loss in losses]


def test_looking_at_a_batch_changes_nothing():
    batches = build()
    assert steps_of(batches) + steps_of(batches) == [*range(10)]
    found = [steps_of(batches.take(count)) for count in (1, 4, 1, 3)]
    assert found == [[10], [10, 11, 12, 13], [10], [10, 11, 12]]
    assert steps_of(batches) == [*range(10, 15)]


def test_iterators_of_one_dataset_are_independent():
    batches = build()
    pairs = zip(batches.repeat(), batches.repeat(3), strict=False)
    assert [[step_of(a), step_of(b)] for a, b in pairs] == [
        [step, step] for step in range(15)
    ]
    # One of them far ahead of the other.
    early = iter(batches.repeat())
    assert step_of(next(early)) == 15
    assert steps_of(batches.repeat(2)) == [*range(15, 25)]
    assert [step_of(next(early)) for _ in range(7)] == [*range(16, 23)]


def test_a_zip_of_a_dataset_with_itself_is_aligned():
    batches = build()
    both = tf.data.Dataset.zip((batches, batches.map(lambda *b: b)))
    found = [[step_of(a), step_of(b)] for a, b in both.repeat(3)]
    assert found == [[step, step] for step in range(15)]


def test_two_threads_read_whole_epochs():
    batches, found = build().repeat(4), [None] * 4

    def read(index):
        found[index] = steps_of(batches)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for steps in found:
        # Each starts with an epoch and skips no step.
        assert steps[0] % STEPS == 0
        assert steps == [*range(steps[0], steps[0] + 20)]


def test_the_shards_of_a_batch_count_as_one_batch():
    batches = build(context=tf.distribute.InputContext(1, 0, 2))
    assert int(next(iter(batches))[1][0]) == 0
    for first in (0, 20):
        found = [int(labels[0]) for _, labels in batches]
        assert found == [*range(first, first + 20, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2])
def test_fit_trains_on_consecutive_epochs(replicas, mirrored):
    batches, held_out = build(), build(start_step=20)
    strategy = mirrored if replicas == 2 else tf.distribute.get_strategy()
    with strategy.scope():
        model = Mean()  # Not built: Keras reads a batch to build it.
    found = fit_steps(model, batches, epochs=3, validation_data=held_out)
    assert found["loss"] == [0, 5, 10]
    assert found["val_loss"] == [20, 25, 30]
    found = fit_steps(model, batches.repeat(), epochs=2, steps_per_epoch=STEPS)
    assert found["loss"] == [15, 20]
    assert step_of(next(iter(batches))) == 25


@pytest.mark.slow
def test_an_unknown_length_is_learned_and_changes_no_batch():
    read = []

    def example(number):
        def record(number):
            read.append(int(number))
            return number

        number = tf.ensure_shape(
            tf.numpy_function(record, [number], tf.int64), ()
        )
        return tf.cast([number], "float32"), number

    numbers = tf.data.Dataset.range(20)
    sources = numbers, numbers.filter(lambda number: number >= 0)
    known, unknown = (
        data.labeled_views(
            source.map(example),
            view=views.Identity(),
            batch_size=3,
            steps=6,
            shuffle_buffer=5,
        )
        for source in sources
    )
    for _ in range(6):
        for (_, expected), (_, found) in zip(known, unknown, strict=True):
            np.testing.assert_array_equal(found, expected)
    read.clear()
    list(unknown)  # Examples 108 to 125, 8 before them, 14 read ahead.
    assert len(read) <= 40
