"""Strategies for the arrays of the property tests."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def logits(high=20.0, rows=5, classes=5):
    """Returns logits (batch, classes), float32, of several sizes."""
    shape = st.tuples(st.integers(1, rows), st.integers(2, classes))
    return shape.flatmap(lambda shape: numbers(shape, high))


def numbers(shape, high):
    """Returns arrays of a shape, of multiples of 1/8 up to a limit."""
    steps = int(8 * high)
    return hnp.arrays("int32", shape, elements=st.integers(-steps, steps)).map(
        lambda values: (values / 8).astype("float32")
    )


def two_logits(high=20.0):
    """Returns pairs of logits of the same shape."""
    shape = st.tuples(st.integers(1, 5), st.integers(2, 5))
    return shape.flatmap(
        lambda shape: st.tuples(numbers(shape, high), numbers(shape, high))
    )


def softmax(values):
    """Returns the softmax in float64."""
    values = np.asarray(values, "float64")
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def probabilities():
    """Returns rows that sum to 1, some with zeros, float32."""
    shape = st.tuples(st.integers(1, 5), st.integers(2, 5))
    counts = shape.flatmap(
        lambda shape: hnp.arrays("int32", shape, elements=st.integers(0, 9))
    )
    counts = counts.filter(lambda rows: np.all(rows.sum(-1) > 0))
    return counts.map(
        lambda rows: (rows / rows.sum(-1, keepdims=True)).astype("float32")
    )


def permutations(size):
    """Returns permutations of `size` examples."""
    return st.permutations(range(size)).map(np.array)
