import numpy as np
import pytest
import tensorflow as tf

from kconsist import targets


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 10.0])
def test_soften_is_the_softmax_at_a_temperature(rng, temperature):
    logits = rng.normal(0, 3, (16, 5)).astype("float32")
    found = targets.soften(logits, temperature)
    np.testing.assert_allclose(found, softmax(logits / temperature), rtol=1e-5)


def test_soften_is_float32_for_float16(rng):
    logits = tf.constant(rng.normal(0, 3, (4, 5)), tf.float16)
    assert targets.soften(logits).dtype == "float32"


def test_pseudo_label_counts_at_the_threshold():
    # Two classes at logits 0 and log 3: confidence is 3/4.
    logits = np.log([[1.0, 3.0], [3.0, 1.0], [1.0, 1.1]]).astype("float32")
    confidence = float(tf.reduce_max(targets.soften(logits)[0]))
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
        total = tf.reduce_sum(targets.soften(logits) ** 2)
        total += tf.reduce_sum(targets.pseudo_label(logits, 0.5)[1])
    assert tape.gradient(total, logits) is None
