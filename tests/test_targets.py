import numpy as np
import pytest
import tensorflow as tf

from kconsist import targets


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 10.0])
def test_soft_targets_is_the_softmax_at_a_temperature(rng, temperature):
    logits = rng.normal(0, 3, (16, 5)).astype("float32")
    found = targets.soft_targets(logits, temperature)
    np.testing.assert_allclose(found, softmax(logits / temperature), rtol=1e-5)


def test_soft_targets_is_float32_for_float16(rng):
    logits = tf.constant(rng.normal(0, 3, (4, 5)), tf.float16)
    assert targets.soft_targets(logits).dtype == "float32"


def test_pseudo_label_counts_at_the_threshold():
    # Two classes at logits 0 and log 3: confidence is 3/4.
    logits = np.log([[1.0, 3.0], [3.0, 1.0], [1.0, 1.1]]).astype("float32")
    confidence = float(tf.reduce_max(targets.soft_targets(logits)[0]))
    labels, mask = targets.pseudo_label(logits, confidence)
    np.testing.assert_array_equal(labels, [1, 0, 1])
    np.testing.assert_array_equal(mask, [1, 1, 0])
    assert mask.dtype == "float32"


@pytest.mark.parametrize("threshold, kept", [(0.0, 1.0), (1.0, 0.0)])
def test_threshold_limits(rng, threshold, kept):
    logits = rng.normal(size=(16, 5)).astype("float32")
    mask = targets.pseudo_label(logits, threshold)[1]
    np.testing.assert_array_equal(mask, np.full(16, kept))


def test_no_gradient_flows_through_a_target(rng):
    logits = tf.Variable(rng.normal(size=(4, 3)).astype("float32"))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(targets.soft_targets(logits) ** 2)
        total += tf.reduce_sum(targets.pseudo_label(logits, 0.5)[1])
    assert tape.gradient(total, logits) is None


@pytest.mark.parametrize("inclusive, expected", [(True, 1.0), (False, 0.0)])
def test_confidence_mask_at_the_threshold(inclusive, expected):
    even = np.zeros((1, 4), "float32")
    mask = targets.confidence_mask(even, 0.25, inclusive)
    np.testing.assert_array_equal(mask, [expected])


def test_confidence_mask_takes_a_threshold_for_each_example():
    logits = np.log([[0.7, 0.3], [0.7, 0.3]]).astype("float32")
    mask = targets.confidence_mask(logits, np.array([0.6, 0.8], "float32"))
    np.testing.assert_array_equal(mask, [1.0, 0.0])


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 3.0])
def test_sharpen_is_the_power_of_the_paper(temperature, rng):
    p = rng.dirichlet(np.ones(4), 16).astype("float32")
    expected = []
    for row in p.astype("float64"):
        power = row ** (1 / temperature)
        expected.append(power / power.sum())
    found = np.array(targets.sharpen(p, temperature))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(found.argmax(-1), p.argmax(-1))


def test_sharpen_has_its_limits():
    p = np.array([[0.6, 0.4, 0.0], [1e-30, 3e-30, 2e-30]], "float32")
    cold = targets.sharpen(p, 1e-3)
    np.testing.assert_allclose(cold, [[1, 0, 0], [0, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(targets.sharpen(p[:1], 1.0), p[:1], rtol=1e-6)
    # A class that is out stays out, however soft.
    assert float(targets.sharpen(p, 50.0)[0, 2]) == 0.0


def test_sharpen_is_soft_targets_of_logits(rng):
    logits = rng.normal(0, 3, (8, 5)).astype("float32")
    np.testing.assert_allclose(
        targets.sharpen(targets.soft_targets(logits), 0.5),
        targets.soft_targets(logits, 0.5),
        rtol=1e-4,
    )


def test_align_moves_the_mean_to_the_expected():
    p = np.array([[0.8, 0.2], [0.6, 0.4]], "float32")
    found = targets.align(p, np.array([0.5, 0.5]), p.mean(0))
    rows = [row * [0.5 / 0.7, 0.5 / 0.3] for row in p]
    expected = [row / row.sum() for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_certainty_weighs_more_and_the_mean_is_1():
    logits = np.array([[9.0, 0.0, 0.0], [0.0, 0.0, 0.0]], "float32")
    weights = np.array(targets.certainty_weights(logits))
    # Entropies of almost 0 and of log 3: 2 to 4/3.
    np.testing.assert_allclose(weights.mean(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(weights[0] / weights[1], 1.5, rtol=2e-3)


def test_tsa_mask_leaves_out_what_is_above_the_ceiling():
    logits = np.log([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]]).astype("float32")
    mask = targets.tsa_mask(logits, np.array([0, 1, 0]), 0.5)
    np.testing.assert_array_equal(mask, [0.0, 1.0, 1.0])


def test_no_gradient_flows_through_the_others_either(rng):
    logits = tf.Variable(rng.normal(size=(4, 3)).astype("float32"))
    with tf.GradientTape() as tape:
        p = tf.nn.softmax(logits)
        found = [
            targets.sharpen(p, 0.5),
            targets.align(p, [0.2, 0.3, 0.5], tf.reduce_mean(p, 0)),
            targets.certainty_weights(logits),
            targets.confidence_mask(logits, 0.5),
            targets.tsa_mask(logits, [0, 1, 2, 0], 0.5),
        ]
        total = sum(tf.reduce_sum(value**2) for value in found)
    assert tape.gradient(total, logits) is None


def test_sharpen_squares_by_default():
    """MixMatch's temperature of 0.5."""
    p = np.array([[0.6, 0.3, 0.1]], "float32")
    np.testing.assert_allclose(
        targets.sharpen(p), p**2 / np.sum(p**2), rtol=1e-5
    )


def test_a_single_label_stays_a_row():
    for labels in (np.array([4]), np.array([[4]])):
        np.testing.assert_array_equal(targets.class_indices(labels), [4])
    with pytest.raises(ValueError, match=r"got shape \(1, 1, 1\)"):
        targets.class_indices(np.array([[[4]]]))


def test_tsa_mask_takes_a_column_of_labels():
    logits = np.log([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]]).astype("float32")
    mask = targets.tsa_mask(logits, np.array([[0], [1], [0]]), 0.5)
    np.testing.assert_array_equal(mask, [0.0, 1.0, 1.0])
