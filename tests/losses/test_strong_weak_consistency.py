import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.losses import StrongWeakConsistencyLoss

UDA = dict(sharpen="weak", mean_over="all")


def test_value_and_gradient_are_0_without_confident_examples():
    """The mean over no examples is 0, not 0 / 0."""
    strong = tf.Variable([[1.0, 0.0], [0.0, 2.0]])
    with tf.GradientTape() as tape:
        value = StrongWeakConsistencyLoss(1.0)(strong, np.zeros((2, 2)))
    assert float(value) == 0.0
    np.testing.assert_array_equal(
        tape.gradient(value, strong), np.zeros((2, 2))
    )


def test_mean_over_kept_ignores_all_other_examples(rng):
    strong, weak = rng.normal(0, 2, (2, 16, 3)).astype("float32")
    confident = np.array(tf.reduce_max(tf.nn.softmax(weak), -1)) > 0.8
    assert 0 < confident.sum() < 16
    unmasked = StrongWeakConsistencyLoss(0.0, mean_over="all")
    np.testing.assert_allclose(
        StrongWeakConsistencyLoss(0.8)(strong, weak),
        unmasked(strong[confident], weak[confident]),
        rtol=1e-5,
    )


def test_is_0_for_equal_views_at_temperature_1(rng):
    logits = rng.normal(0, 2, (8, 3)).astype("float32")
    value = StrongWeakConsistencyLoss(0.0, 1.0)(logits, logits)
    np.testing.assert_allclose(value, 0.0, atol=1e-6)


def test_a_low_temperature_gives_one_hot_targets(rng):
    strong, weak = rng.normal(0, 2, (2, 8, 3)).astype("float32")
    stock = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(
        StrongWeakConsistencyLoss(0.0, 1e-3, **UDA)(strong, weak),
        stock(weak.argmax(-1), strong),
        rtol=1e-5,
    )


def test_the_mask_uses_predictions_before_sharpening():
    weak = np.log([[0.6, 0.4]]).astype("float32")  # Above 0.99 at T = 0.05.
    loss = StrongWeakConsistencyLoss(0.7, 0.05, **UDA)
    assert float(loss(np.zeros((1, 2)), weak)) == 0.0


@pytest.mark.parametrize(
    "wrong, word",
    [
        (dict(threshold=2), "threshold"),
        (dict(temperature=0), "temperature"),
        (dict(sharpen="student"), "sharpen"),
        (dict(mean_over="some"), "mean_over"),
    ],
)
def test_errors_name_the_wrong_argument(wrong, word):
    with pytest.raises(ValueError, match=f"{word} must be"):
        StrongWeakConsistencyLoss(**wrong)
