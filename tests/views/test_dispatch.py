"""Functions applied to some examples of a batch."""

import numpy as np
import tensorflow as tf

from kconsist.views._dispatch import dispatch, random_apply


def test_each_function_gets_its_examples_and_order_is_kept():
    values = tf.range(8)
    branches = tf.constant([0, 2, 1, 2, 0, 1, 1, 2])
    result = dispatch(
        branches,
        [None, lambda v, s: v + s, lambda v, s: 10 * v],
        values,
        100 + values,
    )
    assert list(result.numpy()) == [0, 10, 104, 30, 4, 110, 112, 70]


def test_tuples_are_returned_and_none_is_passed_on():
    def both(values, nothing):
        assert nothing is None
        return values, -values

    first, second = dispatch(
        tf.constant([1, 0, 1]), [both] * 2, tf.range(3), None
    )
    assert list(first.numpy()) == [0, 1, 2]
    assert list(second.numpy()) == [0, -1, -2]


def test_random_apply_changes_images_with_its_probability():
    images = tf.zeros((4000, 8, 8, 1), tf.uint8)
    seed = tf.constant([0, 1], tf.int64)
    result = random_apply(lambda images: images + 1, 0.3, images, seed)
    changed = result.numpy().any(axis=(1, 2, 3))
    # Five standard deviations of a mean of 4000 samples.
    assert abs(changed.mean() - 0.3) < 5 * (0.21 / 4000) ** 0.5
    np.testing.assert_array_equal(random_apply(None, 0.0, images, seed), images)
