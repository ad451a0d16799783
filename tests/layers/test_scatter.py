import numpy as np
import pytest
import tensorflow as tf

from kconsist.layers._scatter import last_write_index


@pytest.mark.parametrize("jit_compile", [True, False])
def test_the_last_write_wins(jit_compile, rng):
    traced = tf.function(last_write_index, jit_compile=jit_compile)
    for _ in range(3):
        index, mask = rng.integers(6, size=12), rng.random(12) < 0.5
        expected = {}
        for position, (row, writes) in enumerate(zip(index, mask, strict=True)):
            if writes:
                expected[row] = position
        last, written = traced(tf.constant(index), tf.constant(mask), 6)
        np.testing.assert_array_equal(
            written, [row in expected for row in range(6)]
        )
        np.testing.assert_array_equal(
            last, [expected.get(row, 0) for row in range(6)]
        )
