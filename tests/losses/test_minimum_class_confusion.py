import numpy as np
import pytest
import tensorflow as tf

from kconsist.losses import MinimumClassConfusionLoss


@pytest.mark.parametrize("classes", [2, 5])
def test_ranges_from_0_to_1_minus_1_over_c(classes):
    loss = MinimumClassConfusionLoss(1.0)
    uniform = np.zeros((7, classes))
    np.testing.assert_allclose(loss(uniform), 1 - 1 / classes, rtol=1e-6)
    certain = 100 * np.eye(classes)
    np.testing.assert_allclose(loss(certain), 0.0, atol=1e-6)


def test_a_class_never_predicted_is_not_confused():
    logits = tf.Variable([[0.0, 0.0, -500.0], [0.0, 0.0, -500.0]])
    with tf.GradientTape() as tape:
        value = MinimumClassConfusionLoss(1.0)(logits)
    np.testing.assert_allclose(value, (0.5 + 0.5 + 0.0) / 3, rtol=1e-6)
    assert np.all(np.isfinite(tape.gradient(value, logits)))


def test_is_invariant_to_order_and_to_shifts_of_logits(rng):
    logits = rng.normal(0, 2, (8, 4)).astype("float32")
    loss = MinimumClassConfusionLoss(2.5)
    equivalent = [
        logits[rng.permutation(8)],
        logits[:, rng.permutation(4)],
        logits + rng.normal(size=(8, 1)),
    ]
    for other in equivalent:
        np.testing.assert_allclose(loss(other), loss(logits), rtol=1e-5)


def test_rejects_a_wrong_temperature():
    with pytest.raises(ValueError, match="temperature must be a positive"):
        MinimumClassConfusionLoss(0.0)
