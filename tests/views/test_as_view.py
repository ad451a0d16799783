"""Layers, functions and None as views."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.views import FlipCrop, Identity, LayerView, as_view


def test_view_is_returned_as_it_is():
    view = FlipCrop()
    assert as_view(view) is view


def test_none_gives_the_identity(photographs):
    view = as_view(None)
    assert isinstance(view, Identity)
    np.testing.assert_array_equal(view(photographs, 0), photographs)


def test_layer_gives_a_layer_view():
    assert isinstance(as_view(keras.layers.RandomFlip()), LayerView)
    assert isinstance(as_view(keras.Sequential()), LayerView)


def test_function_gets_the_seed(photographs):
    def shift(images, seed):
        assert seed.shape == (2,)
        return images + tf.cast(seed[0], tf.uint8)

    np.testing.assert_array_equal(
        as_view(shift)(photographs, seed=3), photographs + 3
    )


@pytest.mark.parametrize("value", [3, "flip", [FlipCrop()], FlipCrop])
def test_anything_else_is_an_error(value):
    with pytest.raises(
        ValueError, match="a view must be a View, None, a Keras"
    ):
        as_view(value)


def test_lambda_in_a_pipeline_does_not_warn(recwarn):
    """Tracing hashes the view; serializing a lambda would warn."""
    view = as_view(lambda images, seed: images)
    images = tf.data.Dataset.from_tensors(tf.zeros((2, 8, 8, 3), "uint8"))
    list(images.map(lambda batch: view(batch, 0)))
    assert "lambda" in repr(view)
    assert not [w for w in recwarn if "lambda" in str(w.message)]
