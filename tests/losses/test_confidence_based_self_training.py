import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.losses import ConfidenceBasedSelfTrainingLoss


def test_examples_at_the_threshold_count_only_if_inclusive():
    even = np.zeros((1, 2), "float32")  # Confidence is exactly 1/2.
    strict = ConfidenceBasedSelfTrainingLoss(0.5)
    inclusive = ConfidenceBasedSelfTrainingLoss(0.5, inclusive=True)
    np.testing.assert_array_equal(strict.select(even)[0], [0.0])
    np.testing.assert_array_equal(inclusive.select(even)[0], [1.0])


def test_value_and_gradient_are_0_without_confident_examples(rng):
    y = tf.Variable(rng.normal(size=(6, 4)).astype("float32"))
    with tf.GradientTape() as tape:
        value = ConfidenceBasedSelfTrainingLoss(1.0)(y, y)
    assert float(value) == 0.0
    np.testing.assert_array_equal(tape.gradient(value, y), np.zeros((6, 4)))


def test_the_same_logits_twice_give_pseudo_label(rng):
    """Pseudo-Label: softmax minus label on confident rows, 0 elsewhere."""
    logits = rng.normal(0, 2, (8, 3)).astype("float32")
    loss = ConfidenceBasedSelfTrainingLoss(0.7)
    mask, labels = map(np.array, loss.select(logits))
    assert 0 < mask.sum() < 8
    y = tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = loss(y, y)
    expected = (tf.nn.softmax(logits) - np.eye(3)[labels]) * mask[:, None] / 8
    np.testing.assert_allclose(
        tape.gradient(value, y), expected, rtol=1e-5, atol=1e-7
    )


def test_threshold_0_is_the_cross_entropy_of_the_hard_labels(rng):
    strong, weak = rng.normal(0, 2, (2, 8, 3)).astype("float32")
    stock = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(
        ConfidenceBasedSelfTrainingLoss(0.0)(strong, weak),
        stock(weak.argmax(-1), strong),
        rtol=1e-6,
    )


def test_rejects_a_wrong_threshold():
    with pytest.raises(ValueError, match=r"threshold must be in \[0, 1\]"):
        ConfidenceBasedSelfTrainingLoss(95)
