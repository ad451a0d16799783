import math

import numpy as np
import pytest
import tensorflow as tf

from kconsist.losses import SoftTripletLoss


def test_is_0_for_far_negatives_and_log_2_for_equal_distances():
    hard = SoftTripletLoss(margin=0.0)
    labels = np.array([0, 0, 1, 1])
    apart = np.array([[0.0], [0.1], [90.0], [90.1]])
    np.testing.assert_allclose(hard(apart, apart, labels), 0.0, atol=1e-6)
    # A unit square, labeled by columns: positive and negative at distance 1.
    square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_allclose(
        hard(square, square, labels), math.log(2), rtol=1e-6
    )


def test_the_soft_loss_of_equal_features_is_their_entropy(rng):
    features = rng.normal(size=(4, 3)).astype("float32")
    labels = np.array([0, 0, 1, 1])
    hard = SoftTripletLoss(margin=0.0, reduction=None)
    p = np.exp(-np.array(hard(features, features, labels)))  # p_negative
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    np.testing.assert_allclose(
        SoftTripletLoss()(features, features, labels),
        entropy.mean(),
        rtol=1e-5,
    )


def test_mines_triplets_from_the_first_features():
    labels = np.array([0, 0, 1, 1])
    line = np.array([[0.0], [1.0], [3.0], [7.0]])
    # In these features, anchor 0's nearest negative would be the other one.
    second = np.array([[0.0], [1.0], [9.0], [2.0]])
    found = SoftTripletLoss(reduction=None)(line, second, labels)
    # Anchor 0: positive 1, negative 2; 1 and 9 apart in the second features.
    target = np.exp([1.0, 9.0]) / np.exp([1.0, 9.0]).sum()
    log_p = np.array([1.0, 3.0]) - np.log(np.exp([1.0, 3.0]).sum())
    np.testing.assert_allclose(found[0], -(target * log_p).sum(), rtol=1e-5)


def test_an_anchor_without_a_positive_has_a_finite_gradient():
    features = tf.Variable([[0.0, 1.0], [2.0, 0.0], [3.0, 3.0]])
    with tf.GradientTape() as tape:
        value = SoftTripletLoss(margin=0.0)(
            features, features, np.array([0, 1, 2])
        )
    assert np.all(np.isfinite(tape.gradient(value, features)))


def test_distinguishes_large_labels():
    """Labels are not rounded to float32, which cannot represent 2^24 + 1."""
    features = np.array([[0.0], [0.1], [50.0], [50.1]])
    labels = 2**24 + np.array([0, 0, 1, 1])
    value = SoftTripletLoss(margin=0.0)(features, features, labels)
    np.testing.assert_allclose(value, 0.0, atol=1e-6)


def test_rejects_a_margin_that_is_a_distance():
    with pytest.raises(ValueError, match=r"margin must be in \[0, 1\], got 3"):
        SoftTripletLoss(margin=3)
