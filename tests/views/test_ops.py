"""Each operation against Pillow, pixel for pixel."""

import numpy as np
import pytest
import tensorflow as tf
from pillow_cases import CASES, WITHOUT_PARAMETER, by_pillow

from kconsist.views import _geometry, _ops


@pytest.fixture(params=["photographs", "digits", "noise", "edge", "wide"])
def images(request, photographs, digits):
    """Returns real images, noise or edge cases."""
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
    # One bright pixel; and fewer dark pixels than one step of equalize.
    speck = np.zeros((32, 32, 3), int)
    speck[3, 4] = 200
    inverse = np.full((32, 32, 3), 255)
    inverse[:4, :16] = random.integers(0, 255, (4, 16, 3))
    return np.stack(
        [flat, flat * 0, narrow, black_and_white, speck, inverse]
    ).astype("uint8")


@pytest.mark.parametrize("name", WITHOUT_PARAMETER)
def test_operation_without_parameter_equals_pillow(name, images):
    operation, reference = WITHOUT_PARAMETER[name]
    np.testing.assert_array_equal(
        operation(tf.constant(images)), by_pillow(reference, images)
    )


@pytest.mark.parametrize("name", CASES)
def test_operation_equals_pillow_over_its_range(name, images):
    operation, reference, parameters = CASES[name]
    parameters = list(parameters)
    # Each image with each parameter, in one batch.
    batch = np.repeat(images, len(parameters), axis=0)
    repeated = parameters * len(images)
    np.testing.assert_array_equal(
        operation(tf.constant(batch), tf.constant(repeated)),
        by_pillow(reference, batch, repeated),
    )


@pytest.mark.parametrize("name", CASES)
def test_scalar_parameter_applies_to_all_images(name, photographs):
    operation, _, parameters = CASES[name]
    parameter = list(parameters)[3]
    np.testing.assert_array_equal(
        operation(tf.constant(photographs), tf.constant(parameter)),
        operation(tf.constant(photographs), tf.fill([24], parameter)),
    )


@pytest.mark.parametrize("name", [*CASES, *WITHOUT_PARAMETER])
def test_operation_accepts_an_empty_batch(name):
    images = tf.zeros((0, 32, 32, 3), tf.uint8)
    operation, _, *parameters = (CASES | WITHOUT_PARAMETER)[name]
    parameters = [tf.fill([0], list(values)[0]) for values in parameters]
    # Traced for any batch size too, as the parts of a batch in a pipeline are.
    unknown = tf.TensorSpec((None, 32, 32, 3), tf.uint8)
    specs = [tf.TensorSpec((None,), value.dtype) for value in parameters]
    traced = tf.function(operation, input_signature=[unknown, *specs])
    for function in (operation, traced):
        assert function(images, *parameters).shape == (0, 32, 32, 3)


def test_posterize_to_no_bits_is_black(photographs):
    assert not _ops.posterize(tf.constant(photographs), 0).numpy().any()


def test_rotation_equals_pillow_on_larger_images():
    images = np.random.default_rng(1).integers(0, 256, (8, 96, 96, 3), "uint8")
    degrees = [-30.0, -29.0, -17.0, -1.0, 1.0, 13.0, 24.0, 30.0]
    np.testing.assert_array_equal(
        _geometry.rotate(tf.constant(images), tf.constant(degrees)),
        by_pillow(lambda i, d: i.rotate(d), images, degrees),
    )
