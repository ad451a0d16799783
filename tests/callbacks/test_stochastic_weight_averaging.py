"""Averages of weights, and the BatchNorm statistics that match them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import FEATURES, METHODS, batches, compiled, network, weights

from kconsist import FixMatch
from kconsist.callbacks import StochasticWeightAveraging, estimate_batch_norm

POINTS = np.random.default_rng(0).normal(2, 3, (40, FEATURES)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 40)


class Path(keras.callbacks.Callback):
    """Records the weights after each step."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(weights(self.model))


def train(averaging, epochs=4):
    model, path = compiled(network()), Path()
    model.fit(
        POINTS,
        LABELS,
        batch_size=8,  # Five steps per epoch.
        epochs=epochs,
        callbacks=[path, averaging],
        verbose=0,
    )
    return model, path.steps


def assert_mean(model, samples):
    for found, *values in zip(weights(model), *samples, strict=True):
        np.testing.assert_allclose(found, np.mean(values, 0), rtol=1e-5)


@pytest.mark.parametrize("start", [0, 2])
def test_mean_over_epoch_ends(start):
    model, steps = train(StochasticWeightAveraging(start_epoch=start))
    assert_mean(model, steps[4::5][start:])


def test_mean_over_every_third_step():
    averaging = StochasticWeightAveraging(start_epoch=1, period=3)
    model, steps = train(averaging)
    assert_mean(model, steps[5:][2::3])


def train_executions(period, steps, execution, epochs=2):
    """Trains with several steps per execution; returns the model."""
    model = compiled(network())
    model.compile("sgd", model.loss, steps_per_execution=execution)
    data = tf.data.Dataset.from_tensor_slices((POINTS, LABELS)).batch(4)
    model.fit(
        data.repeat(),
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=[StochasticWeightAveraging(period=period)],
        verbose=0,
    )
    return model


def test_the_period_counts_steps_not_executions():
    # Samples after steps 6, 12 and 18 of 20; epochs end after 10.
    found = weights(train_executions(6, 10, 2))
    for a, b in zip(found, weights(train_executions(6, 10, 1)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(
    "period, steps, message",
    [
        (6, 8, "period must be a multiple of steps_per_execution=4, got 6"),
        (2, 8, "period must be a multiple of steps_per_execution=4, got 2"),
        (8, 10, "steps_per_epoch to be a multiple .*=4, got 10"),
    ],
)
def test_a_period_within_an_execution_is_rejected(period, steps, message):
    with pytest.raises(ValueError, match=message):
        train_executions(period, steps, 4)


def test_the_student_of_a_trainer_is_averaged():
    method = METHODS["fixmatch"]
    trainer = compiled(FixMatch(network()))
    samples = []

    class Sample(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            samples.append(weights(self.model.student))

    trainer.fit(
        batches(method),
        epochs=3,
        callbacks=[Sample(), StochasticWeightAveraging()],
        verbose=0,
    )
    assert_mean(trainer.student, samples)


def test_statistics_are_means_over_batches():
    model = network(batch_norm=True)
    chunks = [POINTS[:8], POINTS[8:16], POINTS[16:24]]
    estimate_batch_norm(model, chunks)
    hidden = [np.array(model.layers[0](chunk)) for chunk in chunks]
    norm = model.layers[1]
    means = np.mean([h.mean(0) for h in hidden], 0)
    variances = np.mean([h.var(0) for h in hidden], 0)
    np.testing.assert_allclose(norm.moving_mean, means, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, variances, rtol=1e-4)
    assert norm.momentum == 0.9


def test_statistics_are_consistent_across_layers():
    """The input of the second BatchNorm depends on the first one's output."""
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.BatchNormalization(),
            keras.Sequential([keras.layers.BatchNormalization()]),
        ]
    )
    estimate_batch_norm(model, tf.data.Dataset.from_tensors((POINTS, LABELS)))
    np.testing.assert_allclose(
        model(POINTS, training=False),
        model(POINTS, training=True),
        rtol=1e-3,
        atol=1e-4,
    )


def test_fit_ends_with_new_statistics():
    model = compiled(network(batch_norm=True))
    images = tf.data.Dataset.from_tensors((POINTS, LABELS))
    averaging = StochasticWeightAveraging(batch_norm_data=images)
    model.fit(POINTS, LABELS, epochs=2, callbacks=[averaging], verbose=0)
    hidden = np.array(model.layers[0](POINTS))
    np.testing.assert_allclose(
        model.layers[1].moving_mean, hidden.mean(0), rtol=1e-4, atol=1e-5
    )


def test_batch_norm_without_data_raises_before_training():
    model = compiled(network(batch_norm=True))
    before = weights(model)
    with pytest.raises(ValueError, match="pass batch_norm_data"):
        model.fit(
            POINTS, LABELS, callbacks=[StochasticWeightAveraging()], verbose=0
        )
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_start_epoch_that_is_never_reached_raises():
    model = compiled(network())
    with pytest.raises(ValueError, match="no weights were averaged"):
        model.fit(
            POINTS,
            LABELS,
            epochs=2,
            callbacks=[StochasticWeightAveraging(start_epoch=5)],
            verbose=0,
        )


@pytest.mark.parametrize(
    "data, message",
    [
        ([], "at least one batch, got 0"),
        ([({"clean": POINTS, "noisy": POINTS}, LABELS)], "got the views"),
    ],
)
def test_invalid_batch_norm_data_is_rejected(data, message):
    with pytest.raises(ValueError, match=message):
        estimate_batch_norm(network(batch_norm=True), data)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"start_epoch": -1}, "start_epoch must be 0 or more"),
        ({"period": 0}, "period must be a positive number"),
        ({"batch_norm_steps": 0}, "batch_norm_steps must be a positive"),
    ],
)
def test_invalid_options_are_rejected(options, message):
    with pytest.raises(ValueError, match=message):
        StochasticWeightAveraging(**options)
