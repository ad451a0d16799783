import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from kconsist.mixing import mixup, mixup_lambda


@pytest.mark.parametrize("alpha", [0.05, 0.5, 0.75, 1.0, 4.0, 100.0])
def test_shares_are_the_larger_part_of_a_beta_draw(alpha, rng):
    """Close to SciPy's in value, or in how probable smaller ones are."""
    uniform = np.append(rng.uniform(size=2000), [0.0, 1.0]).astype("float32")
    found = np.array(mixup_lambda(tf.constant(uniform), alpha))
    expected = 1 - scipy.stats.beta.ppf(uniform / 2, alpha, alpha)
    level = 2 * scipy.stats.beta.cdf(1 - found, alpha, alpha)
    near = np.abs(found - expected) < 1e-4
    assert np.all(near | (np.abs(level - uniform) < 1e-3))
    assert found.min() >= 0.5 and found.max() <= 1.0


def test_no_draw_at_an_alpha_of_zero():
    np.testing.assert_array_equal(mixup_lambda(tf.constant([0.0, 0.5]), 0), 1)


def test_a_share_is_of_the_whole_example(rng):
    images = rng.normal(size=(3, 4, 4, 2)).astype("float32")
    share, partner = np.array([0.5, 1.0, 0.75], "float32"), [2, 0, 2]
    expected = [
        0.5 * images[0] + 0.5 * images[2],
        images[1],
        images[2],
    ]
    np.testing.assert_allclose(
        mixup(images, share, partner), expected, rtol=1e-5, atol=1e-6
    )


def test_shares_of_a_uniform_draw_are_a_line(rng):
    """Beta(1, 1) is uniform: nothing is lost between the table's numbers."""
    uniform = np.append(rng.uniform(size=100), [0.0, 1.0]).astype("float32")
    np.testing.assert_allclose(
        mixup_lambda(tf.constant(uniform), 1.0), 1 - uniform / 2, atol=1e-6
    )
