import math

import numpy as np
import tensorflow as tf

from kconsist.losses import EntropyLoss


def test_ranges_from_0_to_log_c():
    loss = EntropyLoss()
    np.testing.assert_allclose(loss(np.zeros((3, 7))), math.log(7), rtol=1e-6)
    np.testing.assert_allclose(loss(1000 * np.eye(7)), 0.0, atol=1e-6)


def test_descent_makes_a_prediction_more_certain():
    logits = tf.Variable([[1.0, 0.0]])
    with tf.GradientTape() as tape:
        value = EntropyLoss()(logits)
    gradient = tape.gradient(value, logits)[0]
    assert gradient[0] < 0 < gradient[1]


def test_weights_multiply_and_the_mean_is_over_all_examples():
    logits = np.zeros((4, 2))
    weights = np.array([0.0, 1.0, 2.0, 0.0])
    np.testing.assert_allclose(
        EntropyLoss()(logits, weights), 0.75 * math.log(2), rtol=1e-6
    )
