"""The digital corruptions against their definitions."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from kconsist.robustness.corruptions import PRESETS, _digital, corrupt
from kconsist.robustness.corruptions._interpolation import (
    interpolate,
    reflect,
    reflect_101,
)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)


@pytest.fixture
def flat():
    levels = np.arange(256, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(levels, (256, 16, 16, 3))


def test_contrast_keeps_each_channels_mean(images):
    images[..., 1] //= 3
    for severity, factor in enumerate((0.75, 0.5, 0.4, 0.3, 0.15), 1):
        found = corrupt(images, "contrast", severity)
        means, result_means = images.mean(axis=(1, 2)), found.mean(axis=(1, 2))
        assert np.abs(result_means - (means - 0.5)).max() < 0.4  # Truncated.
        assert found.std() < images.std()
        place = (2, 5, 7, 1)
        mean = images[2, :, :, 1].mean() / 255
        value = (images[place] / 255 - mean) * factor + mean
        assert found[place] == int(255 * value)


def test_contrast_of_a_flat_image_loses_a_level_at_most(flat):
    for severity in range(1, 6):
        lost = flat.astype(int) - corrupt(flat, "contrast", severity)
        assert lost.min() >= 0 and lost.max() <= 1


@pytest.mark.parametrize(
    "severity, color", [(4, (128, 115, 115)), (5, (128, 102, 102))]
)
def test_saturate_tints_gray_red(severity, color):
    gray = np.full((1, 8, 8, 3), 128, np.uint8)
    found = corrupt(gray, "saturate", severity)
    assert (found == color).all()


def test_saturate_keeps_gray_without_an_offset():
    gray = np.full((1, 8, 8, 3), 128, np.uint8)
    for severity in (1, 2, 3):
        assert (corrupt(gray, "saturate", severity) == 128).all()


@pytest.mark.parametrize("severity, side", enumerate((30, 28, 27, 24, 20), 1))
def test_pixelate_resizes_to_the_small_side_and_back(images, severity, side):
    found = corrupt(images, "pixelate", severity)
    for image, result in zip(images, found, strict=True):
        small = Image.fromarray(image).resize((side, side), Image.BOX)
        expected = np.asarray(small.resize((32, 32), Image.BOX))
        np.testing.assert_array_equal(result, expected)


def test_pixelate_by_a_half_is_blocks_of_means(images):
    found = corrupt(images, "pixelate", 5, preset="tiny_imagenet")
    blocks = images.reshape(3, 16, 2, 16, 2, 3).mean(axis=(2, 4))
    # Pillow rounds twice: the rows, then the columns.
    assert np.abs(found - blocks.repeat(2, 1).repeat(2, 2)).max() <= 1
    np.testing.assert_array_equal(found[:, ::2, ::2], found[:, 1::2, 1::2])


def test_jpeg_is_pillows(images):
    found = corrupt(images, "jpeg_compression", 5)
    for image, result in zip(images, found, strict=True):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=40)
        np.testing.assert_array_equal(result, np.asarray(Image.open(file)))


def test_pixelate_and_elastic_keep_flat_images(flat):
    for name in ("pixelate", "elastic_transform"):
        for severity in range(1, 6):
            found = corrupt(flat, name, severity)
            np.testing.assert_array_equal(found, flat)


def test_jpeg_changes_flat_images_slightly(flat):
    for severity in range(1, 6):
        found = corrupt(flat, "jpeg_compression", severity).astype(int)
        assert np.abs(found - flat).max() <= 4


def test_interpolation_is_that_of_scipy(rng):
    values = rng.random((2, 9, 12, 3))
    rows = rng.uniform(-3, 12, (2, 9, 12))
    columns = rng.uniform(-3, 15, (2, 9, 12))
    found = interpolate(values, rows, columns, reflect)
    for n, c in np.ndindex(2, 3):
        expected = ndimage.map_coordinates(
            values[n, :, :, c], [rows[n], columns[n]], order=1, mode="reflect"
        )
        np.testing.assert_allclose(found[n, :, :, c], expected, atol=1e-12)


def test_borders_are_reflected():
    outside = np.arange(-5, 9)
    assert reflect_101(outside, 4).tolist() == [
        *(1, 2, 3, 2, 1),
        *(0, 1, 2, 3, 2, 1, 0, 1, 2),
    ]
    assert reflect(outside, 4).tolist() == [
        *(3, 3, 2, 1, 0),
        *(0, 1, 2, 3, 3, 2, 1, 0, 0),
    ]


def elastic_by_opencv(cv2, image, jitters, across, down):
    """The published steps for one square image."""
    side = image.shape[0]
    half = side // 3
    middle = np.float32([side // 2, side // 2])
    points = np.float32([middle + half, middle + [half, -half], middle - half])
    matrix = cv2.getAffineTransform(points, points + np.float32(jitters))
    values = np.array(image, np.float32) / 255.0
    values = cv2.warpAffine(
        values, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101
    )
    y, x, c = np.mgrid[:side, :side, :3]
    places = [
        y + np.float32(down)[..., None],
        x + np.float32(across)[..., None],
        c,
    ]
    values = ndimage.map_coordinates(values, places, order=1, mode="reflect")
    return np.uint8(255 * np.clip(values, 0, 1))


@pytest.mark.parametrize("severity", range(5))
def test_elastic_transform_is_near_that_of_opencv(rng, severity):
    """OpenCV before version 5 rounds coordinates and differs by more."""
    cv2 = pytest.importorskip("cv2")
    alpha, sigma, jitter = (
        32 * c for c in PRESETS["cifar"]["elastic_transform"][severity]
    )
    noise = rng.normal(size=(20, 32, 32, 3))
    noise = ndimage.gaussian_filter(noise, (0, 1, 1, 0))
    images = (127 + 350 * noise).clip(0, 255).astype(np.uint8)
    jitters = rng.uniform(-jitter, jitter, (20, 3, 2))
    across, down = alpha * ndimage.gaussian_filter(
        rng.uniform(-1, 1, (2, 20, 32, 32)), (0, 0, sigma, sigma), truncate=3
    )
    found = _digital.warp(images, jitters, across, down)
    expected = np.stack(
        [
            elastic_by_opencv(cv2, *of_image)
            for of_image in zip(images, jitters, across, down, strict=True)
        ]
    )
    difference = np.abs(found.astype(int) - expected)
    version = int(cv2.__version__.split(".")[0])
    assert difference.mean() < (0.01 if version >= 5 else 2)


def test_warp_displaces_pixels(images):
    """Without jitter, all pixels are sampled two to the right and one down."""
    none = np.zeros((3, 3, 2))
    ones = np.ones((3, 32, 32))
    found = _digital.warp(images, none, 2 * ones, ones)
    np.testing.assert_array_equal(found[:, :-1, :-2], images[:, 1:, 2:])
    # The first pixel beyond the border repeats the border pixel.
    np.testing.assert_array_equal(found[:, -1, :-2], images[:, -1, 2:])


def test_warp_moves_content_with_its_corners(images):
    """The same jitter of all three corners shifts the content."""
    jitters = np.broadcast_to([3.0, -2.0], (3, 3, 2))
    still = np.zeros((3, 32, 32))
    found = _digital.warp(images, jitters, still, still).astype(int)
    difference = np.abs(found[:, :-2, 3:] - images[:, 2:, :-3])
    assert difference.max() <= 1  # The map is in float32.


def test_elastic_transform_samples_symmetrically(images):
    """Corners, then displacements, as fractions of the shorter side."""
    calls = []

    class RecordingRNG:
        def uniform(self, low, high, shape):
            calls.append((low, high, shape))
            return np.zeros((3, *shape))

    found = _digital.elastic_transform(
        images[:, :, :20], RecordingRNG(), 0.1, 0.03, 0.05
    )
    assert calls == [(-1, 1, (3, 2)), (-1, 1, (32, 20)), (-1, 1, (32, 20))]
    np.testing.assert_array_equal(found, images[:, :, :20])


def test_elastic_transform_scales_and_smooths_displacements(images):
    class ConstantRNG:
        def uniform(self, low, high, shape):
            return np.full((3, *shape), 0.0 if shape == (3, 2) else 0.5)

    # Half of 32 / 8 pixels: two to the right and two down.
    found = _digital.elastic_transform(images, ConstantRNG(), 1 / 8, 0.03, 0)
    difference = found[:, :-2, :-2].astype(int) - images[:, 2:, 2:]
    assert np.abs(difference).max() <= 1
