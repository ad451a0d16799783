import numpy as np
import pytest
import tensorflow as tf

from kconsist.losses import MinimumClassConfusionLoss


@pytest.mark.parametrize("classes", [2, 5])
def test_has_the_limits_of_the_paper(classes):
    loss = MinimumClassConfusionLoss(1.0)
    undecided = np.zeros((7, classes))
    np.testing.assert_allclose(loss(undecided), 1 - 1 / classes, rtol=1e-6)
    certain = 100 * np.eye(classes)
    np.testing.assert_allclose(loss(certain), 0.0, atol=1e-6)


def test_a_class_that_nothing_predicts_is_not_confused():
    logits = tf.Variable([[0.0, 0.0, -500.0], [0.0, 0.0, -500.0]])
    with tf.GradientTape() as tape:
        value = MinimumClassConfusionLoss(1.0)(logits)
    np.testing.assert_allclose(value, (0.5 + 0.5 + 0.0) / 3, rtol=1e-6)
    assert np.all(np.isfinite(tape.gradient(value, logits)))


def test_order_of_examples_and_classes_and_level_do_not_matter(rng):
    logits = rng.normal(0, 2, (8, 4)).astype("float32")
    loss = MinimumClassConfusionLoss(2.5)
    same = [
        logits[rng.permutation(8)],
        logits[:, rng.permutation(4)],
        logits + rng.normal(size=(8, 1)),
    ]
    for other in same:
        np.testing.assert_allclose(loss(other), loss(logits), rtol=1e-5)


def test_wrong_temperature_is_named():
    with pytest.raises(ValueError, match="temperature must be a positive"):
        MinimumClassConfusionLoss(0.0)
