"""Ways through `fit` that lead to checkpoints, and what may resume one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.callbacks import Resume, checkpoints

POINTS = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 2, 20)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def pairs():
    """Ten batches."""
    return tf.data.Dataset.from_tensor_slices((POINTS, LABELS)).batch(2)


def linear(optimizer="sgd", loss=LOSS, layers=(), **options):
    dense = keras.layers.Dense(2, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((2,)), *layers, dense])
    options = {"run_eagerly": True, **options}
    model.compile(optimizer, loss, **options)
    return model


def test_data_of_unknown_length_end_on_a_step_already_written(tmp_path):
    model, unknown = linear(), pairs().filter(lambda *_: True)
    resume = Resume(tmp_path, every=5)
    model.fit(unknown, epochs=2, callbacks=[resume], verbose=0)
    assert checkpoints.steps(tmp_path) == [15, 20]
    again = Resume(tmp_path, every=5)
    assert (again.step, again.initial_epoch) == (20, 2)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_data_that_run_out_end_on_a_step_already_written(tmp_path):
    model, short = linear(), pairs().take(7)
    model.fit(
        short,
        epochs=2,
        steps_per_epoch=10,
        callbacks=[Resume(tmp_path, every=7)],
        verbose=0,
    )
    again = Resume(tmp_path, every=7)
    assert again.initial_epoch == 2
    assert again.step == model.optimizer.iterations
