"""Keras and KerasCV layers as views."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.views import Compose, FlipCrop, LayerView


def test_random_flip_mirrors_some_images(photographs):
    view = LayerView(keras.layers.RandomFlip("horizontal", seed=1))
    result = view(photographs, seed=0)
    assert result.dtype == tf.uint8
    unchanged = (result == photographs).numpy().all(axis=(1, 2, 3))
    mirrored = (result == photographs[:, :, ::-1]).numpy().all(axis=(1, 2, 3))
    assert (unchanged | mirrored).all()
    assert 0 < mirrored.sum() < 24


def test_floats_are_rounded_and_clipped(photographs):
    brighter = keras.layers.Rescaling(1.3, offset=-20.4)
    result = LayerView(brighter)(photographs, seed=0)
    expected = photographs.astype("float32") * np.float32(1.3)
    expected = np.clip(np.round(expected - np.float32(20.4)), 0, 255)
    assert result.dtype == tf.uint8
    np.testing.assert_array_equal(result, expected)


def test_layer_is_called_in_training_mode():
    points = np.ones((20, 8), "float32")
    result = LayerView(keras.layers.Dropout(0.5, seed=0))(points, seed=0)
    assert set(np.unique(result)) == {0.0, 2.0}


def test_floats_stay_floats():
    points = np.zeros((5, 2), "float32")
    result = LayerView(keras.layers.GaussianNoise(1.0))(points, seed=0)
    assert result.dtype == tf.float32
    assert (result.numpy() != 0).any()


def test_sequential_takes_one_image_too(photographs):
    layer = keras.Sequential(
        [
            keras.layers.Resizing(40, 40),
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomCrop(24, 24),
        ]
    )
    view = LayerView(layer)
    assert view(photographs, seed=0).shape == (24, 24, 24, 3)
    assert view(photographs[0], seed=0).shape == (24, 24, 3)


def test_layer_in_a_composition_and_a_pipeline(photographs):
    view = Compose([FlipCrop(), keras.layers.RandomTranslation(0.1, 0.1)])
    dataset = tf.data.Dataset.from_tensor_slices(photographs).batch(8)
    batches = list(dataset.map(lambda images: view(images, 0)))
    assert len(batches) == 3
    assert all(batch.dtype == tf.uint8 for batch in batches)
    assert batches[0].shape == (8, 32, 32, 3)


def test_config_round_trip(photographs):
    view = LayerView(keras.layers.Rescaling(0.5, offset=3))
    config = keras.saving.serialize_keras_object(view)
    again = keras.saving.deserialize_keras_object(config)
    assert again == view
    np.testing.assert_array_equal(again(photographs, 0), view(photographs, 0))


def test_keras_rand_augment(photographs):
    view = LayerView(keras.layers.RandAugment(value_range=(0, 255), seed=0))
    result = view(photographs, seed=0)
    assert result.dtype == tf.uint8
    assert result.shape == photographs.shape


@pytest.mark.slow
def test_keras_cv_rand_augment(photographs):
    keras_cv = pytest.importorskip("keras_cv")
    layer = keras_cv.layers.RandAugment(value_range=(0, 255), seed=0)
    view = LayerView(layer)
    images = np.repeat(photographs[:1], 8, axis=0)
    result = view(images, seed=0).numpy()
    assert result.dtype == np.uint8
    assert result.shape == images.shape
    assert len({image.tobytes() for image in result}) > 1
    dataset = tf.data.Dataset.from_tensors(images)
    (mapped,) = dataset.map(lambda x: view(x, 0))
    assert mapped.dtype == tf.uint8
    config = keras.saving.serialize_keras_object(view)
    assert keras.saving.deserialize_keras_object(config) == view


def test_non_layer_is_an_error():
    with pytest.raises(ValueError, match="layer must be a Keras layer, got 3"):
        LayerView(3)


def test_layer_ignores_the_seed_of_the_call(photographs):
    view = LayerView(keras.layers.RandomTranslation(0.3, 0.3, seed=1))
    first, second = view(photographs, seed=0), view(photographs, seed=0)
    assert (first.numpy() != second.numpy()).any()


def test_layer_with_a_seed_is_reproducible_in_a_serial_map(photographs):
    batches = tf.data.Dataset.from_tensors(photographs).repeat(3)

    def run():
        view = LayerView(keras.layers.RandomTranslation(0.3, 0.3, seed=1))
        return list(batches.map(lambda images: view(images, 0)))

    for first, second in zip(run(), run(), strict=True):
        np.testing.assert_array_equal(first, second)
