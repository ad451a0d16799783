import math

import numpy as np
import pytest
import tensorflow as tf

from kconsist.losses import ClassBalanceLoss


def test_is_minimal_and_flat_where_the_mean_is_uniform():
    # One-hot predictions, each class once: the mean is uniform.
    p = tf.Variable(np.eye(10, dtype="float32"))
    with tf.GradientTape() as tape:
        value = ClassBalanceLoss(10)(p)
    minimum = -(0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    np.testing.assert_allclose(value, minimum, rtol=1e-6)
    np.testing.assert_allclose(
        tape.gradient(value, p), np.zeros((10, 10)), atol=1e-7
    )


def test_grows_with_the_distance_from_uniform():
    loss = ClassBalanceLoss(2)
    values = [
        float(loss(np.array([[p, 1 - p]]))) for p in (0.5, 0.6, 0.8, 0.99)
    ]
    assert np.all(np.diff(values) > 0)


def test_log_0_is_minus_100_as_in_tll():
    p = tf.Variable([[1.0, 0.0]])
    with tf.GradientTape() as tape:
        value = ClassBalanceLoss(2)(p)
    # BCE(1/2, 1) and BCE(1/2, 0) each have one half of log 0.
    np.testing.assert_allclose(value, 100 / 2, rtol=1e-6)
    assert np.all(np.isfinite(tape.gradient(value, p)))


def test_a_mask_multiplies_the_loss_by_its_mean(rng):
    p = rng.dirichlet(np.ones(3), 4)
    loss = ClassBalanceLoss(3)
    mask = np.array([1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(loss(p, mask), 0.25 * loss(p), rtol=1e-6)


def test_rejects_a_wrong_number_of_classes():
    with pytest.raises(ValueError, match=r"\(batch, 3\), got shape \(4, 2\)"):
        ClassBalanceLoss(3)(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="num_classes"):
        ClassBalanceLoss(1)
