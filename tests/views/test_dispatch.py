"""Functions for parts of a batch."""

import numpy as np
import tensorflow as tf

from kconsist.views._dispatch import by_part, with_probability


def test_each_example_meets_its_function_and_keeps_its_place():
    values = tf.range(8)
    part = tf.constant([0, 2, 1, 2, 0, 1, 1, 2])
    result = by_part(
        part,
        [None, lambda v, s: v + s, lambda v, s: 10 * v],
        values,
        100 + values,
    )
    assert list(result.numpy()) == [0, 10, 104, 30, 4, 110, 112, 70]


def test_tuples_and_none_are_passed_through():
    def both(values, nothing):
        assert nothing is None
        return values, -values

    first, second = by_part(
        tf.constant([1, 0, 1]), [both] * 2, tf.range(3), None
    )
    assert list(first.numpy()) == [0, 1, 2]
    assert list(second.numpy()) == [0, -1, -2]


def test_probability_is_the_share_of_changed_images():
    images = tf.zeros((4000, 8, 8, 1), tf.uint8)
    seed = tf.constant([0, 1], tf.int64)
    result = with_probability(0.3, lambda part: part + 1, images, seed)
    changed = result.numpy().any(axis=(1, 2, 3))
    # Five standard deviations of a mean of 4000 draws.
    assert abs(changed.mean() - 0.3) < 5 * (0.21 / 4000) ** 0.5
    np.testing.assert_array_equal(
        with_probability(0.0, None, images, seed), images
    )
