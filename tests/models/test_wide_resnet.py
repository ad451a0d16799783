"""WideResNet and MLP: size, outputs, regularization."""

import keras
import numpy as np
import pytest

from kconsist import models


def num_parameters(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def test_wrn_28_2_has_the_published_number_of_parameters():
    """1.47 million; convolutions have no bias."""
    assert num_parameters(models.WideResNet(28, 2, 10)) == 1_467_610


@pytest.mark.parametrize("depth, width", [(10, 1), (16, 2), (22, 1)])
def test_number_of_convolutions_matches_the_depth(depth, width):
    model = models.WideResNet(depth, width, 10)
    convolutions = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
        and layer.kernel_size == (3, 3)
    ]
    assert len(convolutions) == depth - 3
    assert {c.filters for c in convolutions[1:]} == {
        16 * width,
        32 * width,
        64 * width,
    }


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (64, 48, 3)])
def test_returns_float32_logits_for_any_image_size(shape):
    keras.config.set_dtype_policy("mixed_float16")
    model = models.WideResNet(10, 1, 7, shape)
    images = np.zeros((2, *shape), "uint8")
    logits = model(images)
    assert logits.shape == (2, 7)
    assert logits.dtype == "float32"


@pytest.mark.parametrize("depth", [4, 9, 12, 27])
def test_invalid_depth_is_an_error(depth):
    with pytest.raises(ValueError, match="depth must be 6n . 4"):
        models.WideResNet(depth)


def test_weight_decay_is_half_the_squared_norm_of_the_kernels():
    model = models.WideResNet(10, 1, weight_decay=0.1)
    kernels = [v for v in model.trainable_variables if "kernel" in v.path]
    expected = sum(0.05 * np.sum(np.square(v)) for v in kernels)
    np.testing.assert_allclose(sum(model.losses), expected, rtol=1e-5)
    assert not models.WideResNet(10, 1).losses


def test_pixels_are_rescaled_by_default():
    keras.utils.set_random_seed(0)
    inside = models.WideResNet(10, 1)
    outside = models.WideResNet(10, 1, include_preprocessing=False)
    outside.set_weights(inside.get_weights())
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), "uint8")
    np.testing.assert_allclose(
        inside(pixels),
        outside(pixels.astype("float32") / 127.5 - 1),
        rtol=1e-4,
        atol=1e-5,
    )


def test_mlp_returns_logits():
    assert models.MLP(4, (3, 2), hidden=(8,)).output_shape == (None, 4)
