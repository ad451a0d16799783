"""Snow, fog and brightness against loops, with given random numbers."""

import colorsys
import math

import numpy as np
import pytest
from pixel_loops import motion_by_loops, zoom_by_scipy

from kconsist.robustness.corruptions import _hsv, _weather, corrupt
from kconsist.robustness.corruptions._plasma import plasma
from kconsist.robustness.corruptions.presets import CIFAR


@pytest.fixture
def images(rng):
    images = rng.integers(0, 256, (3, 16, 20, 3)).astype(np.uint8)
    images[2] = 40  # Flat and dark.
    return images


@pytest.mark.parametrize("severity", [1, 3, 4, 5])
def test_snow_is_its_steps(images, rng, severity):
    mean, deviation, zoom, threshold, radius, sigma, mix = CIFAR["snow"][
        severity - 1
    ]
    flakes = rng.normal(mean, deviation, images.shape[:3])
    angles = rng.uniform(-135, -45, len(images))
    found = _weather.apply_snow(
        images, flakes.copy(), angles, zoom, threshold, radius, sigma, mix
    )
    for n, image in enumerate(images):
        layer = zoom_by_scipy(flakes[n][:, :, None], zoom)
        layer = np.where(layer < threshold, 0, layer)
        layer = np.uint8(255 * np.clip(layer, 0, 1))
        layer = motion_by_loops(layer, angles[n], radius, sigma) / 255
        image_weight, white_weight = np.float32([mix, 1 - mix])
        for y, x, c in np.ndindex(image.shape):
            value = np.float32(image[y, x]) / np.float32(255)
            red, green, blue = value * np.float32([0.299, 0.587, 0.114])
            white = (red + green + blue) * np.float32(1.5) + np.float32(0.5)
            value = image_weight * value[c] + white_weight * max(
                value[c], white
            )
            # Double precision from here on, as for the layer.
            value = float(value) + layer[y, x, 0] + layer[-1 - y, -1 - x, 0]
            assert found[n, y, x, c] == int(255 * min(value, 1))


def test_snow_samples_flakes_then_downward_angles(images):
    calls = []

    class RecordingRNG:
        def normal(self, shape, mean, deviation):
            calls.append(("normal", shape, mean, deviation))
            return np.zeros((3, *shape))

        def uniform(self, low, high):
            calls.append(("uniform", low, high))
            return np.full(3, -90.0)

    _weather.snow(images, RecordingRNG(), *CIFAR["snow"][4])
    assert calls == [("normal", (16, 20), 0.3, 0.3), ("uniform", -135, -45)]


def test_snow_is_added_twice():
    """One flake on black gives a streak and a copy rotated by 180 degrees."""
    image = np.zeros((1, 32, 32, 3), np.uint8)
    flakes = np.zeros((1, 32, 32))
    flakes[0, 5, 9] = 1
    found = _weather.apply_snow(
        image, flakes, np.array([-90.0]), 1, 0.5, 8, 3, 1
    )
    found = found[0, :, :, 0]
    np.testing.assert_array_equal(found, found[::-1, ::-1])
    rows, columns = np.nonzero(found)
    assert set(columns) == {9, 22}
    assert found[5, 9] > 0 and set(rows[columns == 9]) != {5}


def plasma_by_loops(noise, side, decay):
    """The algorithm for one map, point by point."""
    cloud = np.zeros((side, side))
    noise = iter(noise)
    wibble, step = 100.0, side

    def fill(row, column, parents):
        for y in range(row, side, step):
            for x in range(column, side, step):
                mean = (
                    sum(
                        cloud[(y + dy) % side, (x + dx) % side]
                        for dy, dx in parents
                    )
                    / 4
                )
                cloud[y, x] = mean + wibble * (wibble * next(noise))

    while step >= 2:
        h = step // 2
        fill(h, h, [(-h, -h), (-h, h), (h, -h), (h, h)])
        fill(0, h, [(0, -h), (0, h), (h, 0), (-h, 0)])
        fill(h, 0, [(-h, 0), (h, 0), (0, h), (0, -h)])
        step //= 2
        wibble /= decay
    cloud -= cloud.min()
    return cloud / cloud.max()


@pytest.mark.parametrize("side, decay", [(8, 3), (32, 1.75)])
def test_plasma_is_the_diamond_square_rule(rng, side, decay):
    noise = rng.uniform(-1, 1, (4, side**2 - 1))
    found = plasma(noise, side, decay)
    assert found.shape == (4, side, side)
    assert (found.min(axis=(1, 2)) == 0).all()
    assert (found.max(axis=(1, 2)) == 1).all()
    for cloud, of_image in zip(found, noise, strict=True):
        expected = plasma_by_loops(of_image, side, decay)
        np.testing.assert_allclose(cloud, expected, atol=1e-12)


def test_fog_is_its_formula(images, rng):
    clouds = rng.random((len(images), 32, 32))
    found = _weather.apply_fog(images, clouds, 0.75)
    for n, image in enumerate(images):
        brightest = image.max() / 255
        for y, x, c in np.ndindex(image.shape):
            value = image[y, x, c] / 255 + 0.75 * clouds[n, y, x]
            expected = 255 * min(value * brightest / (brightest + 0.75), 1)
            assert found[n, y, x, c] == int(expected + 1e-12)


def test_fog_of_a_black_image_is_black():
    black = np.zeros((2, 32, 32, 3), np.uint8)
    assert not corrupt(black, "fog", 5).any()


@pytest.mark.parametrize(
    "size, side", [((32, 32), 32), ((20, 40), 64), ((33, 8), 64), ((8, 8), 8)]
)
def test_clouds_cover_the_image(size, side):
    assert _weather.cloud_side(*size) == side


def test_hsv_equals_colorsys(rng):
    values = (
        np.concatenate(
            [
                rng.integers(0, 256, (500, 3)),
                rng.integers(0, 3, (100, 3)),  # Equal channels, and black.
            ]
        )
        / 255
    )
    hue, saturation, value = _hsv.from_rgb(values)
    back = _hsv.to_rgb(hue, saturation, value)
    for n, rgb in enumerate(values):
        expected = colorsys.rgb_to_hsv(*rgb)
        found = hue[n], saturation[n], value[n]
        hue_difference = abs(found[0] - expected[0])
        assert min(hue_difference, 1 - hue_difference) < 1e-12
        np.testing.assert_allclose(found[1:], expected[1:], atol=1e-12)
        np.testing.assert_allclose(back[n], rgb, atol=1e-12)


@pytest.mark.parametrize("severity", range(1, 6))
def test_brightness_of_gray_is_added(severity):
    amount = CIFAR["brightness"][severity - 1][0]
    for level in range(0, 256, 15):
        image = np.full((1, 8, 8, 3), level, np.uint8)
        found = corrupt(image, "brightness", severity)
        expected = min(level + math.floor(255 * amount), 255)
        assert np.ptp(found) == 0
        assert abs(int(found[0, 0, 0, 0]) - expected) <= 1
