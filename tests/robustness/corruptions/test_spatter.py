"""Spatter against OpenCV, step by step and as a whole."""

import numpy as np
import pytest
from scipy import ndimage

from kconsist.robustness.corruptions import _edges, _spatter
from kconsist.robustness.corruptions.presets import PRESETS

WATER = [0, 1, 2]


@pytest.fixture
def cv2():
    return pytest.importorskip("cv2")


def liquids(preset, severity, side, count=200, seed=0):
    """Smoothed noise above the threshold, uint8, the input of water."""
    mean, deviation, sigma, threshold, *_ = PRESETS[preset]["spatter"][severity]
    rng = np.random.default_rng(seed)
    noise = rng.normal(mean, deviation, (count, side, side))
    noise = ndimage.gaussian_filter(noise, (0, sigma, sigma), mode="nearest")
    noise[noise < threshold] = 0
    return (noise * 255).astype(np.uint8)


def water_by_opencv(cv2, liquid):
    """The highlights of one image, by the steps of the published code."""
    distance = cv2.distanceTransform(
        255 - cv2.Canny(liquid, 50, 150), cv2.DIST_L2, 5
    )
    _, distance = cv2.threshold(distance, 20, 20, cv2.THRESH_TRUNC)
    distance = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
    kernel = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    relief = cv2.filter2D(distance, cv2.CV_8U, kernel)
    highlights = liquid * cv2.blur(relief, (3, 3)).astype(np.float32)
    return highlights / highlights.max()


@pytest.mark.parametrize("severity", WATER)
def test_edges_are_those_of_opencv(cv2, severity):
    images = liquids("cifar", severity, 32)
    expected = np.stack([cv2.Canny(i, 50, 150) > 0 for i in images])
    assert expected.any()
    np.testing.assert_array_equal(_edges.canny(images, 50, 150), expected)


def test_edges_of_natural_gradients_are_those_of_opencv(cv2, rng):
    """All directions, and long weak chains, which are rare in drops."""
    noise = ndimage.gaussian_filter(rng.normal(size=(50, 40, 56)), (0, 3, 3))
    images = (127 + 127 * noise / np.abs(noise).max()).astype(np.uint8)
    for low, high in [(10, 30), (20, 25), (5, 80)]:
        expected = np.stack([cv2.Canny(i, low, high) > 0 for i in images])
        assert 0.001 < expected.mean() < 0.5
        np.testing.assert_array_equal(_edges.canny(images, low, high), expected)


@pytest.mark.parametrize("fraction", [0.002, 0.02, 0.2])
def test_distance_is_that_of_opencv(cv2, rng, fraction):
    is_edge = rng.random((20, 24, 37)) < fraction
    is_edge[:, 5, 7] = True
    found = _edges.distance(is_edge)
    for image, mask in zip(found, is_edge, strict=True):
        expected = cv2.distanceTransform(np.uint8(255 * ~mask), cv2.DIST_L2, 5)
        np.testing.assert_allclose(image, expected, atol=1e-3)


def test_distance_without_edges_is_large():
    assert (_edges.distance(np.zeros((1, 9, 9), bool)) > 20).all()


@pytest.mark.parametrize("levels", [2, 21, 256])
def test_equalization_is_that_of_opencv(cv2, rng, levels):
    images = rng.integers(0, levels, (20, 32, 32)).astype(np.uint8)
    images[3] = 7
    expected = np.stack([cv2.equalizeHist(i) for i in images])
    np.testing.assert_array_equal(_spatter.equalize_histogram(images), expected)


@pytest.mark.parametrize("severity", WATER)
@pytest.mark.parametrize("preset, side", [("cifar", 32), ("imagenet", 128)])
def test_water_is_that_of_opencv(cv2, preset, side, severity):
    images = liquids(preset, severity, side, count=200 if side == 32 else 10)
    found = _spatter.water_highlights(images)
    for image, liquid in zip(found, images, strict=True):
        np.testing.assert_allclose(
            image, water_by_opencv(cv2, liquid), atol=1e-6
        )


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)


def test_water_adds_its_color(images, rng):
    """The highlights are compared with OpenCV in another test."""
    noise = rng.normal(0.65, 0.3, images.shape[:3])
    found = _spatter.apply_spatter(images, noise, 1, 0.69, 0.5, False)
    liquid = ndimage.gaussian_filter(noise, (0, 1, 1), mode="nearest")
    liquid[liquid < 0.69] = 0
    highlights = _spatter.water_highlights((255 * liquid).astype(np.uint8))
    assert highlights.max() == 1 and 0.05 < (highlights > 0).mean() < 0.95
    for index, byte in np.ndenumerate(images):
        color = (175, 238, 238)[index[-1]] / 255
        value = byte / 255 + 0.5 * float(highlights[index[:3]]) * color
        assert abs(int(found[index]) - int(255 * min(value, 1))) <= 1


@pytest.mark.parametrize("sigma, blur", [(0.7, 0.6), (1, 1.5)])
def test_mud_covers(images, rng, sigma, blur):
    noise = rng.normal(0.65, 0.1, images.shape[:3])
    found = _spatter.apply_spatter(images, noise, sigma, 0.66, blur, True)
    for n, image in enumerate(images):
        liquid = ndimage.gaussian_filter(noise[n], sigma, mode="nearest")
        drops = (liquid > 0.66).astype(float)
        drops = ndimage.gaussian_filter(drops, blur, mode="nearest")
        drops[drops < 0.8] = 0
        assert 0.01 < (drops > 0).mean() < 0.95
        drops = drops[:, :, None]
        mud = np.array([63, 42, 20]) / 255
        expected = 255 * (image / 255 * (1 - drops) + drops * mud)
        assert np.abs(found[n] - expected).max() < 1.001
        assert (found[n] == np.floor(expected)).mean() > 0.99


def test_images_without_drops_are_unchanged(images):
    """The published code divides 0 by 0 here."""
    dry = np.zeros(images.shape[:3])
    for is_mud in (False, True):
        found = _spatter.apply_spatter(images, dry, 1, 0.7, 0.5, is_mud)
        np.testing.assert_array_equal(found, images)
