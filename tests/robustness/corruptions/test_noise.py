"""The distributions of the noise, and the truncation."""

import numpy as np
import pytest

from kconsist.robustness.corruptions import _noise, corrupt
from kconsist.robustness.corruptions.presets import CIFAR


class FixedRNG:
    """Returns given random numbers."""

    def __init__(self, values):
        self.values = values

    def normal(self, shape, mean=0.0, deviation=1.0):
        return mean + deviation * self.values

    def uniform(self, low, high, shape=()):
        return low + (high - low) * self.values


def gray(level, count=16):
    return np.full((count, 32, 32, 3), level, np.uint8)


def truncated(value):
    return int(min(max(value, 0.0), 1.0) * 255)


@pytest.mark.parametrize("name", ["gaussian_noise", "speckle_noise"])
def test_normal_noise_is_added_and_truncated(rng, name):
    images = rng.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    normals = rng.normal(size=images.shape)
    found = getattr(_noise, name)(images, FixedRNG(normals), 0.2)
    for index, value in np.ndenumerate(images / 255):
        factor = value if name == "speckle_noise" else 1
        expected = truncated(value + factor * (0.2 * normals[index]))
        assert found[index] == expected


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_gaussian_noise_has_its_deviation(severity):
    sigma = CIFAR["gaussian_noise"][severity - 1][0]
    found = corrupt(gray(128), "gaussian_noise", severity) / 255
    assert found.std() == pytest.approx(sigma, rel=0.02)
    # Truncation subtracts half a level.
    assert 255 * found.mean() == pytest.approx(127.5, abs=0.5)


def test_truncation_subtracts_half_a_level():
    found = corrupt(gray(128, 200), "gaussian_noise", 1)
    assert found.mean() - 128 == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_shot_noise_variance_is_signal_over_photons(severity):
    photons = CIFAR["shot_noise"][severity - 1][0]
    found = corrupt(gray(102), "shot_noise", severity) / 255
    assert found.var() == pytest.approx(0.4 / photons, rel=0.05)


def test_shot_noise_counts_whole_photons():
    found = corrupt(gray(102), "shot_noise", 5)
    counts = {truncated(count / 50) for count in range(51)}
    assert set(np.unique(found)) <= counts


def test_black_has_no_photons():
    assert not corrupt(gray(0), "shot_noise", 5).any()
    assert not corrupt(gray(0), "speckle_noise", 5).any()


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_impulse_noise_changes_a_fraction_of_values(severity):
    fraction = CIFAR["impulse_noise"][severity - 1][0]
    found = corrupt(gray(128, 60), "impulse_noise", severity)
    for level in (0, 255):
        fraction_at_level = (found == level).mean()
        assert fraction_at_level == pytest.approx(fraction / 2, rel=0.06)
    assert set(np.unique(found)) == {0, 128, 255}
    # Channels are independent: rarely are all channels of a pixel changed.
    assert (found != 128).all(axis=-1).mean() < fraction**2


def test_impulse_noise_follows_its_random_numbers(rng):
    images = rng.integers(1, 255, (1, 8, 8, 3)).astype(np.uint8)
    uniform = rng.random(images.shape)
    found = _noise.impulse_noise(images, FixedRNG(uniform), 0.5)
    for index, u in np.ndenumerate(uniform):
        expected = 255 if u < 0.25 else 0 if u < 0.5 else images[index]
        assert found[index] == expected
