"""The weights, permutation and mixture of MixUp."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kconsist.mixing import mixup
from kconsist.views import MixUp


@pytest.fixture
def labels():
    return keras.utils.to_categorical(np.arange(24) % 5, 5)


@pytest.mark.parametrize("alpha", [0.2, 0.75, 1.0, 4.0])
def test_weights_are_beta_distributed(alpha):
    weights, _ = MixUp(alpha).sample(20000, seed=1)
    # Without the ends: in float32, weights near 1 are 1.
    points = np.linspace(0.001, 0.999, 500)
    found = np.searchsorted(np.sort(weights), points) / 20000
    expected = stats.beta(alpha, alpha).cdf(points)
    # Kolmogorov-Smirnov distance of 20000 samples, at p = 0.001.
    assert abs(found - expected).max() < 0.0138


def test_at_least_half_folds_the_distribution():
    plain, permutation = MixUp(0.75).sample(5000, seed=1)
    folded, same = MixUp(0.75, at_least_half=True).sample(5000, seed=1)
    np.testing.assert_array_equal(folded, np.maximum(plain, 1 - plain))
    np.testing.assert_array_equal(permutation, same)


def test_one_weight_for_the_batch():
    view = MixUp(per_example=False)
    weights = {float(w) for s in range(20) for w in view.sample(6, seed=s)[0]}
    assert len(weights) == 20


def test_tiny_alpha_gives_weights_near_0_or_1():
    weights, _ = MixUp(1e-3).sample(2000, seed=0)
    weights = weights.numpy()
    assert np.isfinite(weights).all()
    # Beta(a, a) has about 2 a log(1 / x) of its mass between x and 1 - x.
    assert ((weights < 0.01) | (weights > 0.99)).mean() > 0.98


def test_permutations_are_uniform():
    counts = np.zeros((8, 8))
    for seed in range(500):
        _, permutation = MixUp().sample(8, seed)
        assert sorted(permutation.numpy()) == list(range(8))
        counts[np.arange(8), permutation] += 1
    # 62.5 for each pair; five standard deviations are 37.
    assert abs(counts - 62.5).max() < 37


@pytest.mark.parametrize("per_example", [True, False])
def test_images_and_labels_are_mixed_with_the_same_weights(
    per_example, photographs, labels
):
    view = MixUp(per_example=per_example)
    images, mixed_labels = view(photographs, labels, seed=2)
    weights, permutation = (t.numpy() for t in view.sample(24, seed=2))
    assert images.dtype == tf.uint8
    for i, (weight, j) in enumerate(zip(weights, permutation, strict=True)):
        expected = weight * photographs[i] + (1 - weight) * photographs[j]
        # Half a level from rounding.
        assert abs(images[i].numpy() - expected).max() < 0.501
        expected = weight * labels[i] + (1 - weight) * labels[j]
        np.testing.assert_allclose(mixed_labels[i], expected, atol=1e-6)
    np.testing.assert_allclose(tf.reduce_sum(mixed_labels, 1), 1, atol=1e-6)


def test_weight_one_and_identity_permutation_change_nothing(photographs):
    rolled = np.roll(np.arange(24), 1)
    np.testing.assert_array_equal(
        mixup(photographs, tf.ones(24), rolled), photographs
    )
    np.testing.assert_array_equal(
        mixup(photographs, tf.fill([24], 0.3), np.arange(24)), photographs
    )


def test_floats_stay_floats(labels):
    points = np.random.default_rng(0).normal(size=(24, 2)).astype("float32")
    mixed, _ = MixUp()(points, labels, seed=0)
    assert mixed.dtype == tf.float32
    assert mixed.shape == (24, 2)


def test_pixels_do_not_depend_on_parallelism_or_global_seed(
    photographs, labels
):
    view = MixUp()
    batches = tf.data.Dataset.from_tensors((photographs, labels)).repeat(5)

    def apply(number, batch):
        return view(*batch, tf.stack([number, 0]))

    keras.utils.set_random_seed(4)
    mapped = list(batches.enumerate().map(apply, num_parallel_calls=3))
    keras.utils.set_random_seed(5)
    for number, results in enumerate(mapped):
        again = view(photographs, labels, number)
        for result, other in zip(results, again, strict=True):
            np.testing.assert_array_equal(result, other)


@pytest.mark.parametrize("bad", [np.arange(24), np.arange(24.0)])
def test_class_indices_as_labels_are_an_error(bad, photographs):
    with pytest.raises(ValueError, match=r"labels must be floats of shape"):
        MixUp()(photographs, bad, seed=0)


@pytest.mark.parametrize("alpha", [0.0, -1.0])
def test_bad_alpha_is_an_error(alpha):
    with pytest.raises(ValueError, match="alpha must be > 0, got"):
        MixUp(alpha)
