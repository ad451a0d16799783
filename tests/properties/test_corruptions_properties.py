"""Properties of `corrupt` on arbitrary images."""

import numpy as np
import pytest
from arrays import permutations
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kconsist.robustness.corruptions import CORRUPTIONS, corrupt

SHAPES = st.tuples(
    st.integers(1, 3),
    st.integers(8, 20),
    st.integers(8, 20),
    st.sampled_from([1, 3]),
)
IMAGES = SHAPES.flatmap(lambda shape: hnp.arrays("uint8", shape))


@pytest.mark.parametrize("name", CORRUPTIONS)
@settings(max_examples=5)
@given(
    images=IMAGES,
    severity=st.integers(1, 5),
    seed=st.integers(0, 2**31),
    start=st.integers(0, 10**6),
    data=st.data(),
)
def test_corruption_depends_on_the_image_index(
    name, images, severity, seed, start, data
):
    before = images.copy()
    found = corrupt(images, name, severity, seed=seed, start=start)
    np.testing.assert_array_equal(images, before)
    assert found.dtype == np.uint8 and found.shape == images.shape
    order = data.draw(permutations(len(images)))
    permuted = corrupt(
        images[order], name, severity, seed=seed, start=start + order
    )
    np.testing.assert_array_equal(permuted, found[order])
    one = corrupt(images[:1], name, severity, seed=seed, start=start)
    np.testing.assert_array_equal(one, found[:1])
