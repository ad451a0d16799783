"""How Keras reads what a trainer is given: without autotuning."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.trainers import epoch_iterator
from methods import METHODS, arrays, compiled, network

from kconsist import FixMatch, SelfTrainer


class Batches(keras.utils.PyDataset):
    """Two batches of points and labels."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return points(), np.zeros(8, "int32")


def points():
    return np.ones((8, 6), "float32")


def pairs(size=4):
    labels = np.zeros(8, "int32")
    return tf.data.Dataset.from_tensor_slices((points(), labels)).batch(size)


def views():
    (images, labels) = arrays(METHODS["fixmatch"], steps=2)
    return tf.data.Dataset.from_tensor_slices((images, labels))


@pytest.fixture
def read(monkeypatch):
    """The option `autotune.enabled` of each data set that Keras reads."""
    enabled = []
    iterate = epoch_iterator.EpochIterator._enumerate_iterator

    def record(iterator):
        dataset = getattr(iterator._get_iterator(), "dataset", None)
        dataset = dataset or iterator._get_iterator()
        enabled.append(dataset.options().autotune.enabled)
        yield from iterate(iterator)

    monkeypatch.setattr(
        epoch_iterator.EpochIterator, "_enumerate_iterator", record
    )
    return enabled


@pytest.fixture(scope="module")
def trainer():
    return compiled(FixMatch(network()), run_eagerly=True)


@pytest.mark.parametrize(
    "held_out", [pairs(), (points(), np.zeros(8)), Batches()], ids=type
)
def test_fit_reads_without_autotuning(trainer, read, held_out):
    trainer.fit(views(), epochs=2, validation_data=held_out, verbose=0)
    assert read == [False] * 4


def test_fit_reads_arrays_without_autotuning(read):
    trainer = compiled(
        SelfTrainer(network(), network(seed=7)), run_eagerly=True
    )
    both = {"clean": points(), "noisy": points()}
    labels = np.zeros(8, "int32")
    trainer.fit(both, labels, validation_split=0.5, verbose=0)
    assert read == [False] * 2


@pytest.mark.parametrize(
    "data", [(pairs(),), (points(), np.zeros(8)), (Batches(),)], ids=type
)
def test_evaluate_reads_without_autotuning(trainer, read, data):
    trainer.evaluate(*data, verbose=0)
    assert read == [False]


@pytest.mark.parametrize("data", [pairs(), points(), Batches()], ids=type)
def test_predict_reads_without_autotuning(trainer, read, data):
    logits = trainer.predict(data, verbose=0)
    assert read == [False]
    np.testing.assert_array_equal(
        logits, trainer.inference_model.predict(data, verbose=0)
    )


@pytest.mark.parametrize(
    ("options", "batches"),
    [({}, 1), ({"batch_size": 3}, 3), ({"steps": 2}, 2)],
    ids=str,
)
def test_predict_divides_arrays_as_keras_does(trainer, options, batches):
    class Count(keras.callbacks.Callback):
        seen = 0

        def on_predict_batch_end(self, batch, logs=None):
            self.seen += 1

    count = Count()
    logits = trainer.predict(points(), verbose=0, callbacks=[count], **options)
    assert count.seen == batches and len(logits) == 8


def test_an_explicit_setting_stays(trainer, read):
    options = tf.data.Options()
    options.autotune.enabled = True
    trainer.fit(views().with_options(options), verbose=0)
    trainer.evaluate(pairs().with_options(options), verbose=0)
    trainer.predict(pairs().with_options(options), verbose=0)
    assert read == [True] * 3


def test_replicas_read_without_autotuning(monkeypatch, mirrored):
    """The data set that a strategy divides has autotuning off."""
    distribute = type(mirrored).experimental_distribute_dataset
    enabled = []

    def record(self, dataset, options=None):
        enabled.append(dataset.options().autotune.enabled)
        return distribute(self, dataset, options)

    monkeypatch.setattr(
        type(mirrored), "experimental_distribute_dataset", record
    )
    with mirrored.scope():
        trainer = compiled(FixMatch(network()))
    logits = trainer.predict(points(), verbose=0)
    assert enabled == [False] and logits.shape[0] == 8
    trainer.fit(views(), verbose=0)
    assert enabled[-1] is False
