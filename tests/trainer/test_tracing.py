"""How often a training step is traced: to trace is most of the first step."""

import keras
import pytest
import tensorflow as tf
from methods import METHODS, batches, network

from kconsist import FixMatch


class Counted(FixMatch):
    """Counts how often its objective is called: once for each trace."""

    traces = 0

    def objective(self, views, labels, sample_weight=None):
        type(self).traces += 1
        return super().objective(views, labels, sample_weight)


@pytest.fixture
def trainer():
    Counted.traces = 0
    made = Counted(network())
    made.compile(
        keras.optimizers.Adam(),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return made


def test_a_step_is_traced_once(trainer):
    """Variables of metrics and of the optimizer exist before the trace."""
    data = batches(METHODS["fixmatch"], steps=3)
    trainer.fit(data, validation_data=data, epochs=2, verbose=0)
    trainer.fit(data, verbose=0)
    assert Counted.traces == 1


def test_no_batch_is_read_ahead_for_it(trainer):
    data = batches(METHODS["fixmatch"], steps=3)
    read = []

    def record(number, batch):
        tf.py_function(lambda n: read.append(int(n)), [number], [])
        return batch

    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    data = data.enumerate().map(record).with_options(options)
    trainer.fit(data, verbose=0)
    assert read == [0, 1, 2]
