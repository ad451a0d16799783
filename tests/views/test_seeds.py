"""Seeds: ints and int tensors only."""

import numpy as np
import pytest
import tensorflow as tf

from kconsist.views import FlipCrop
from kconsist.views._seeds import as_seed


@pytest.mark.parametrize(
    "seed", [0, -1, 2**31, 2**63 - 1, 2**64 - 1, np.int64(7), np.int32(7)]
)
def test_seed_can_be_any_int(seed, photographs):
    viewed = FlipCrop()(photographs, seed)
    np.testing.assert_array_equal(viewed, FlipCrop()(photographs, seed))
    assert np.any(viewed != FlipCrop()(photographs, 3))


def test_int_seed_equals_scalar_tensor(photographs):
    view = FlipCrop()
    for seed in (np.int32(9), tf.constant(9), tf.constant([9, 0])):
        np.testing.assert_array_equal(
            view(photographs, 9), view(photographs, seed)
        )


@pytest.mark.parametrize(
    "seed", [None, 1.0, True, "1", [1, 2, 3], tf.constant([1.0, 2.0])]
)
def test_bad_seed_is_an_error(seed, photographs):
    with pytest.raises(ValueError, match=r"seed must be an int"):
        FlipCrop()(photographs, seed)


def test_every_64_bit_int_is_a_distinct_seed():
    numbers = [0, 1, -1, 2**31, 2**32, 2**32 - 1, 2**62, -(2**63)]
    found = {tuple(as_seed(number).numpy()) for number in numbers}
    assert len(found) == len(numbers)
