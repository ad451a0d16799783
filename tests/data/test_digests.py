"""A digest depends on every value, in arrays, tensors and containers."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from kconsist import data, views

# Its repr leaves out the values in the middle.
LONG = np.arange(5000, dtype="float32")
OTHER = np.where(LONG == 2500, -1, LONG).astype("float32")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x,
        lambda x: tf.constant(x),
        lambda x: tf.Variable(x),
        lambda x: [x],
        lambda x: (1, [x, 2]),
        lambda x: {"images": x},
        lambda x: [tf.constant(x)],
    ],
)
def test_every_value_counts(wrap):
    assert data.digest(wrap(LONG)) == data.digest(wrap(LONG.copy()))
    assert data.digest(wrap(LONG)) != data.digest(wrap(OTHER))
    assert data.digest(wrap(LONG)) != data.digest(wrap(LONG.reshape(2, -1)))
    assert data.digest(wrap(LONG)) != data.digest(wrap(LONG.view("int32")))


def test_a_tensor_has_the_digest_of_its_array():
    assert data.digest(tf.constant(LONG)) == data.digest(LONG)
    assert data.digest([LONG, OTHER]) != data.digest(LONG, OTHER)
    assert data.digest([[LONG], OTHER]) != data.digest([[LONG, OTHER]])


def test_digests_match_those_in_earlier_checkpoints():
    values = 1, None, 2.5, b"xy", (1, 2), [1, "b"], {"k": (1, None)}
    assert (
        data.digest("a", *values, np.float32(0.1), True)
        == "45689ab70bbbaddf612fcd64e08ff967"
    )
    arrays = [
        np.arange(6).reshape(2, 3),
        np.array(3.0),
        np.array(["ab", "c"]),
        np.zeros((3, 0)),
        np.arange(6)[::2],
        np.arange(3, dtype=">i4"),
    ]
    assert data.digest(*arrays) == "6106945956b00fecd8603c1b555806b8"
    assert data.digest(views.FlipCrop()) != data.digest(pathlib.Path("a"))


@pytest.mark.parametrize(
    "part",
    [
        tf.data.Dataset.range(3),
        (number for number in range(3)),
        np.array([object()]),
        object(),
        [object(), LONG],
    ],
)
def test_parts_without_values_are_rejected(part):
    with pytest.raises(ValueError, match="digest requires arrays, numbers"):
        data.digest(part)
