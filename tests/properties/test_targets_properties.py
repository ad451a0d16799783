import numpy as np
import pytest
from arrays import logits, permutations, probabilities, softmax
from hypothesis import given
from hypothesis import strategies as st

from kconsist import targets

TEMPERATURES = st.sampled_from([0.1, 0.5, 1.0, 2.0, 10.0])
SHARES = st.floats(0, 1, width=32)
# Of logits to targets of one row for each of theirs.
ROW_BY_ROW = {
    "soft_targets": lambda z: targets.soft_targets(z, 0.5),
    "hard_labels": targets.hard_labels,
    "pseudo_label": lambda z: targets.pseudo_label(z, 0.6)[1],
    "confidence_mask": lambda z: targets.confidence_mask(z, 0.6),
    "sharpen": lambda z: targets.sharpen(softmax(z)),
    "align": lambda z: targets.align(
        softmax(z), np.ones(z.shape[-1]), np.arange(1.0, 1 + z.shape[-1])
    ),
}


@pytest.mark.parametrize("name", ROW_BY_ROW)
@given(data=st.data())
def test_a_row_has_its_target_whatever_the_others(name, data):
    z, target = data.draw(logits()), ROW_BY_ROW[name]
    order = data.draw(permutations(len(z)))
    whole = np.array(target(z))
    # Where a row lies in memory decides how its sum is rounded.
    rounded = dict(rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(target(z[order]), whole[order], **rounded)
    np.testing.assert_allclose(target(z[:1]), whole[:1], **rounded)


@given(z=logits(high=1e4), temperature=TEMPERATURES)
def test_soft_targets_gives_a_distribution_that_orders_as_the_logits(
    z, temperature
):
    p = np.array(targets.soft_targets(z, temperature))
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(p, softmax(z / temperature), atol=1e-5)
    np.testing.assert_array_equal(p[np.arange(len(z)), z.argmax(-1)], p.max(-1))


@given(z=logits(), shift=st.integers(-64, 64), temperature=TEMPERATURES)
def test_soft_targets_does_not_see_a_shift(z, shift, temperature):
    np.testing.assert_allclose(
        targets.soft_targets(z + np.float32(shift), temperature),
        targets.soft_targets(z, temperature),
        rtol=1e-4,
        atol=1e-7,
    )


@given(z=logits(high=1e4))
def test_half_precision_has_the_targets_of_its_rounded_logits(z):
    half = z.astype("float16")
    rounded = half.astype("float32")
    np.testing.assert_array_equal(
        targets.soft_targets(half), targets.soft_targets(rounded)
    )
    np.testing.assert_array_equal(
        targets.confidence_mask(half, 0.9),
        targets.confidence_mask(rounded, 0.9),
    )


@given(z=logits(), low=SHARES, high=SHARES)
def test_a_higher_threshold_keeps_no_more(z, low, high):
    low, high = sorted([low, high])
    many, few = (np.array(targets.confidence_mask(z, t)) for t in (low, high))
    strict = np.array(targets.confidence_mask(z, low, inclusive=False))
    assert set(many) | set(few) <= {0.0, 1.0}
    assert np.all(few <= many) and np.all(strict <= many)
    confidence = np.array(targets.soft_targets(z)).max(-1)
    np.testing.assert_array_equal(many - strict, confidence == np.float32(low))


@given(p=probabilities(), first=TEMPERATURES, second=TEMPERATURES)
def test_sharpening_twice_multiplies_temperatures(p, first, second):
    twice = targets.sharpen(targets.sharpen(p, first), second)
    once = softmax(
        np.log(np.maximum(p.astype("float64"), 1e-300)) / (first * second)
    )
    # A class may underflow in between, and then it stays out.
    np.testing.assert_allclose(twice, once, rtol=1e-3, atol=1e-4)


@given(p=probabilities(), temperature=TEMPERATURES)
def test_sharpen_keeps_zeros_ones_and_even_rows(p, temperature):
    found = np.array(targets.sharpen(p, temperature))
    np.testing.assert_array_equal(found[p == 0], 0)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    even = np.full((1, p.shape[-1]), 1 / p.shape[-1], "float32")
    np.testing.assert_allclose(targets.sharpen(even, temperature), even, 1e-5)
    peak, most = p.max(-1), found.max(-1)
    sharper = most >= peak - 1e-6 if temperature <= 1 else most <= peak + 1e-6
    assert np.all(sharper)


@given(p=probabilities(), data=st.data())
def test_align_is_the_identity_where_both_means_agree(p, data):
    weights = st.lists(
        st.integers(1, 9), min_size=p.shape[-1], max_size=p.shape[-1]
    )
    expected, running = (
        np.array(data.draw(weights), "float32") for _ in range(2)
    )
    np.testing.assert_allclose(
        targets.align(p, running, running), p, rtol=1e-5, atol=1e-7
    )
    # There and back again.
    there = targets.align(p, expected, running)
    np.testing.assert_allclose(np.sum(there, -1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        targets.align(there, running, expected), p, rtol=1e-4, atol=1e-6
    )
    # The same ratio, whatever both are scaled by.
    scaled = targets.align(p, 7 * expected, running)
    np.testing.assert_allclose(scaled, there, rtol=1e-4, atol=1e-6)


@given(z=logits(high=1e4), data=st.data())
def test_certainty_weights_have_a_mean_of_1_and_order_by_entropy(z, data):
    weights = np.array(targets.certainty_weights(z))
    np.testing.assert_allclose(weights.mean(), 1, rtol=1e-5)
    assert weights.max() <= 2.001 * weights.min()
    p = softmax(z)
    entropy = -np.sum(p * np.log(np.maximum(p, 1e-300)), -1)
    assert weights[entropy.argmin()] >= weights.max() - 1e-3
    order = data.draw(permutations(len(z)))
    np.testing.assert_allclose(
        targets.certainty_weights(z[order]), weights[order], rtol=1e-5
    )


@given(z=logits(), low=SHARES, high=SHARES, data=st.data())
def test_a_higher_ceiling_leaves_more_to_learn(z, low, high, data):
    classes = st.integers(0, z.shape[-1] - 1)
    labels = np.array([data.draw(classes) for _ in z])
    low, high = sorted([low, high])
    few, many = (np.array(targets.tsa_mask(z, labels, t)) for t in (low, high))
    assert np.all(few <= many)
    np.testing.assert_array_equal(targets.tsa_mask(z, labels, 1.0), 1)
    correct = softmax(z)[np.arange(len(z)), labels]
    clear = np.abs(correct - low) > 1e-6
    np.testing.assert_array_equal(few[clear], (correct <= low)[clear])
