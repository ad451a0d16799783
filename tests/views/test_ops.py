"""Every operation against Pillow, pixel for pixel."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from kconsist.views import _geometry, _ops


def enhanced(enhancer):
    return lambda image, factor: enhancer(image).enhance(factor)


def transformed(coefficients):
    return lambda image, value: image.transform(
        image.size, Image.AFFINE, coefficients(value)
    )


def added(image, addition):
    return image.point(
        [min(i + addition, 255) if i < 128 else i for i in range(256)]
        * len(image.getbands())
    )


FACTORS = [float(factor) for factor in np.linspace(0.0, 2.0, 21)] + [3.3]
SHEARS = [float(shear) for shear in np.linspace(-0.5, 0.5, 21)]
SHIFTS = [float(pixels) for pixels in range(-33, 34, 3)] + [0.3, 0.5, -2.5]
DEGREES = [float(degrees) for degrees in range(-31, 32, 2)]
DEGREES += [0.0, 12.34, 45.0, 90.0, 180.0, -90.0, 270.0]

# operation, Pillow's function of (image, parameter), parameters
CASES = {
    "posterize": (_ops.posterize, ImageOps.posterize, range(1, 9)),
    "solarize": (_ops.solarize, ImageOps.solarize, range(257)),
    "solarize_add": (_ops.solarize_add, added, range(0, 256, 5)),
    "brightness": (
        _ops.brightness,
        enhanced(ImageEnhance.Brightness),
        FACTORS,
    ),
    "contrast": (_ops.contrast, enhanced(ImageEnhance.Contrast), FACTORS),
    "color": (_ops.color, enhanced(ImageEnhance.Color), FACTORS),
    "sharpness": (_ops.sharpness, enhanced(ImageEnhance.Sharpness), FACTORS),
    "rotate": (_geometry.rotate, lambda i, d: i.rotate(d), DEGREES),
    "shear_x": (
        _geometry.shear_x,
        transformed(lambda s: (1, s, 0, 0, 1, 0)),
        SHEARS,
    ),
    "shear_y": (
        _geometry.shear_y,
        transformed(lambda s: (1, 0, 0, s, 1, 0)),
        SHEARS,
    ),
    "translate_x": (
        _geometry.translate_x,
        transformed(lambda p: (1, 0, p, 0, 1, 0)),
        SHIFTS,
    ),
    "translate_y": (
        _geometry.translate_y,
        transformed(lambda p: (1, 0, 0, 0, 1, p)),
        SHIFTS,
    ),
}
FREE = {
    "autocontrast": (_ops.autocontrast, ImageOps.autocontrast),
    "equalize": (_ops.equalize, ImageOps.equalize),
    "invert": (_ops.invert, ImageOps.invert),
}


@pytest.fixture(params=["photographs", "digits", "noise", "edge", "wide"])
def images(request, photographs, digits):
    """Real images, noise, and images that are easy to get wrong."""
    random = np.random.default_rng(0)
    if request.param == "photographs":
        return photographs[::3]
    if request.param == "digits":
        return digits[::4]
    if request.param == "noise":
        return random.integers(0, 256, (4, 32, 32, 3), "uint8")
    if request.param == "wide":
        return random.integers(0, 256, (3, 17, 26, 1), "uint8")
    flat = np.full((32, 32, 3), 77)
    narrow = random.integers(50, 53, (32, 32, 3))
    black_and_white = random.integers(0, 2, (32, 32, 3)) * 255
    # A single brighter pixel, and fewer dark pixels than one step needs.
    speck = np.zeros((32, 32, 3), int)
    speck[3, 4] = 200
    inverse = np.full((32, 32, 3), 255)
    inverse[:4, :16] = random.integers(0, 255, (4, 16, 3))
    return np.stack(
        [flat, flat * 0, narrow, black_and_white, speck, inverse]
    ).astype("uint8")


def by_pillow(function, images, *parameters):
    """Applies a function of Pillow images to each image of an array."""
    results = []
    for number, image in enumerate(images):
        picture = Image.fromarray(
            image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
        )
        result = function(picture, *(p[number] for p in parameters))
        results.append(np.asarray(result).reshape(image.shape))
    return np.stack(results)


@pytest.mark.parametrize("name", FREE)
def test_operation_without_parameter_equals_pillow(name, images):
    operation, reference = FREE[name]
    np.testing.assert_array_equal(
        operation(tf.constant(images)), by_pillow(reference, images)
    )


@pytest.mark.parametrize("name", CASES)
def test_operation_equals_pillow_over_its_range(name, images):
    operation, reference, parameters = CASES[name]
    parameters = list(parameters)
    # Every image with every parameter, in one batch.
    batch = np.repeat(images, len(parameters), axis=0)
    each = parameters * len(images)
    np.testing.assert_array_equal(
        operation(tf.constant(batch), tf.constant(each)),
        by_pillow(reference, batch, each),
    )


@pytest.mark.parametrize("name", CASES)
def test_scalar_parameter_is_the_same_for_all_images(name, photographs):
    operation, _, parameters = CASES[name]
    parameter = list(parameters)[3]
    np.testing.assert_array_equal(
        operation(tf.constant(photographs), tf.constant(parameter)),
        operation(tf.constant(photographs), tf.fill([24], parameter)),
    )


@pytest.mark.parametrize("name", [*CASES, *FREE])
def test_operation_takes_an_empty_batch(name):
    images = tf.zeros((0, 32, 32, 3), tf.uint8)
    if name in FREE:
        result = FREE[name][0](images)
    else:
        operation, _, parameters = CASES[name]
        result = operation(images, tf.fill([0], list(parameters)[0]))
    assert result.shape == (0, 32, 32, 3)


def test_posterize_to_no_bits_is_black(photographs):
    assert not _ops.posterize(tf.constant(photographs), 0).numpy().any()


def test_rotation_equals_pillow_on_larger_images():
    images = np.random.default_rng(1).integers(0, 256, (8, 96, 96, 3), "uint8")
    degrees = [-30.0, -29.0, -17.0, -1.0, 1.0, 13.0, 24.0, 30.0]
    np.testing.assert_array_equal(
        _geometry.rotate(tf.constant(images), tf.constant(degrees)),
        by_pillow(lambda i, d: i.rotate(d), images, degrees),
    )
