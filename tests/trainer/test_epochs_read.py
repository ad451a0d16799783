"""From epoch to epoch: `fit` reads what new iterators of a data set would."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import network

from kconsist import ConsistencyTrainer, data, views


class LabelMean(ConsistencyTrainer):
    """A trainer whose loss is the mean label of a batch."""

    views = ("images",)

    def objective(self, views, labels, sample_weight=None):
        logits = self.forward(views["images"])
        mean = keras.ops.mean(keras.ops.cast(labels, "float32"))
        return mean + 0 * keras.ops.sum(logits), logits, {}


class ReadLabels(keras.callbacks.Callback):
    """Lists the labels of batches of one example, epoch by epoch.

    Args:
        stop_after: number of batches of the first epoch after which it ends;
            training goes on with the next epoch.
    """

    def __init__(self, stop_after=None):
        super().__init__()
        self.stop_after = stop_after
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])

    def on_train_batch_end(self, batch, logs=None):
        # The mean of all batches so far.
        total = round(float(logs["loss"] * (batch + 1)))
        self.epochs[-1].append(total - sum(self.epochs[-1]))
        if len(self.epochs) == 1 and batch + 1 == self.stop_after:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = False


@pytest.fixture(scope="module")
def trainer():
    trainer = LabelMean(network())
    trainer.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return trainer


@pytest.fixture
def iterators(monkeypatch):
    """The data sets of which iterators were made."""
    made = []
    iterate = tf.data.Dataset.__iter__

    def record(dataset):
        made.append(dataset)
        return iterate(dataset)

    monkeypatch.setattr(tf.data.Dataset, "__iter__", record)
    return made


def fit_labels(trainer, dataset, stop_after=None, **options):
    """Returns the labels that `fit` reads, epoch by epoch."""
    read = ReadLabels(stop_after)
    trainer.fit(dataset, callbacks=[read], verbose=0, **options)
    return read.epochs


def iterated_labels(dataset, *sizes):
    """Returns the labels that new iterators read, of each some batches."""
    epochs = [
        [
            int(label[0])
            for _, (_, label) in zip(range(size), dataset, strict=False)
        ]
        for size in sizes
    ]
    assert len({tuple(epoch) for epoch in epochs}) > 1
    return epochs


def pipeline(steps=5):
    images, labels = np.ones((3, 6), "float32"), np.arange(3)
    identity = views.Identity()
    return data.labeled_views(
        (images, labels), view=identity, batch_size=1, steps=steps, seed=2
    )


def own_dataset():
    images, labels = np.ones((3, 6), "float32"), np.arange(3)
    pairs = tf.data.Dataset.from_tensor_slices((images, labels)).batch(1)
    return pairs.shuffle(3, seed=5)


@pytest.mark.parametrize("make, size", [(pipeline, 5), (own_dataset, 3)])
def test_each_epoch_is_that_of_a_new_iterator(trainer, make, size):
    expected = iterated_labels(make(), *[size] * 4)
    assert fit_labels(trainer, make(), epochs=4) == expected


@pytest.mark.parametrize("epochs, steps_per_epoch", [(4, 2), (2, 4)])
def test_steps_per_epoch_divide_the_same_batches(
    trainer, epochs, steps_per_epoch
):
    expected = iterated_labels(pipeline(4), 4, 4)
    read = fit_labels(
        trainer, pipeline(4), epochs=epochs, steps_per_epoch=steps_per_epoch
    )
    assert sum(read, []) == sum(expected, [])


@pytest.mark.parametrize("stop_after", [2, 5])
def test_an_epoch_after_a_stop_is_that_of_a_new_iterator(trainer, stop_after):
    """An epoch read in part is read again, and one read to its end is not."""
    expected = iterated_labels(pipeline(), stop_after, 5, 5)
    read = fit_labels(trainer, pipeline(), epochs=3, stop_after=stop_after)
    assert read == expected


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_another_fit_goes_on_with_the_next_epoch(trainer, steps):
    """Nothing is read of the epoch after the last one."""
    expected = iterated_labels(pipeline(steps), *[steps] * 9)
    batches = pipeline(steps)
    read = []
    for epochs in (4, 2, 3):
        read += fit_labels(trainer, batches, epochs=epochs)
    assert read == expected


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("steps_per_execution", [2, 5])
def test_several_steps_per_execution_end_with_the_epoch(steps_per_execution):
    trainer = LabelMean(network())
    trainer.compile(
        keras.optimizers.SGD(0.0), steps_per_execution=steps_per_execution
    )
    batches = pipeline()
    trainer.fit(batches, epochs=2, verbose=0)
    assert int(trainer.step) == 2 * 5
    expected = iterated_labels(pipeline(), 5, 5, 5)
    assert [int(label[0]) for _, label in batches] == expected[-1]


def test_a_pipeline_is_read_by_one_iterator(trainer, iterators):
    trainer.fit(pipeline(), epochs=3, verbose=0)
    assert len(iterators) == 1


def test_another_dataset_is_read_by_one_iterator_per_epoch(trainer, iterators):
    trainer.fit(pipeline().map(lambda *x: x), epochs=3, verbose=0)
    assert len(iterators) == 3
