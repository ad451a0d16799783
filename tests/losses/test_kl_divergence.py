import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf

from kconsist.losses import LogitsKLDivergence


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_equals_the_loop(rng, temperature):
    teacher, student = rng.normal(0, 3, (2, 32, 7)).astype("float32")
    target = tf.nn.softmax(teacher / temperature)
    found = LogitsKLDivergence(temperature)(target, student)
    expected = oracles.divergence(teacher, student, temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    squared = LogitsKLDivergence(temperature, temperature_squared=True)
    np.testing.assert_allclose(
        squared(target, student), temperature**2 * expected, rtol=1e-4
    )


def test_returns_one_value_per_example(rng):
    loss = LogitsKLDivergence(reduction=None)
    target = tf.nn.softmax(rng.normal(size=(5, 3)))
    assert loss(target, rng.normal(size=(5, 3))).shape == (5,)


def test_weights_multiply_and_the_mean_is_over_all_examples(rng):
    target = tf.nn.softmax(rng.normal(size=(4, 3)).astype("float32"))
    logits = rng.normal(size=(4, 3)).astype("float32")
    each = LogitsKLDivergence(reduction=None)(target, logits)
    weights = np.array([0.0, 1.0, 2.0, 0.0], "float32")
    found = LogitsKLDivergence()(target, logits, sample_weight=weights)
    np.testing.assert_allclose(found, np.sum(each * weights) / 4, rtol=1e-6)


def test_gradient_does_not_vanish_where_probabilities_underflow():
    """Keras clips probabilities at 1e-7, where the gradient is zero."""
    target = tf.constant([[1.0, 0.0]])
    for loss, has_gradient in (
        (LogitsKLDivergence(), True),
        (lambda p, z: keras.losses.KLDivergence()(p, tf.nn.softmax(z)), False),
    ):
        logits = tf.Variable([[-40.0, 0.0]])
        with tf.GradientTape() as tape:
            value = loss(target, logits)
        size = np.abs(tape.gradient(value, logits)).max()
        assert bool(size > 0.5) is has_gradient


def test_one_hot_targets_are_finite():
    target = tf.one_hot([0, 1], 3)
    logits = tf.Variable([[200.0, 0.0, 0.0], [0.0, 0.0, 200.0]])
    with tf.GradientTape() as tape:
        value = LogitsKLDivergence()(target, logits)
    np.testing.assert_allclose(value, 100.0)
    assert np.all(np.isfinite(tape.gradient(value, logits)))


def test_is_restored_from_its_configuration():
    loss = LogitsKLDivergence(3.0, True, name="mine")
    copy = LogitsKLDivergence.from_config(loss.get_config())
    assert copy.get_config() == loss.get_config()
    assert (copy.temperature, copy.temperature_squared) == (3.0, True)
