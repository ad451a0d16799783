"""Noise: perturbs each channel of each pixel independently.

Each function takes uint8 images (count, height, width, channels), the random
generators of these images, and the constants of a severity. It returns uint8
images.
"""

import numpy as np

from kconsist.robustness.corruptions._pixels import to_bytes, to_unit


def gaussian_noise(images, rng, deviation):
    """Adds Gaussian noise; `deviation` is in units of [0, 1]."""
    values = rng.normal(images.shape[1:], deviation=deviation)
    values += to_unit(images)
    return to_bytes(values)


def shot_noise(images, rng, photons):
    """Adds Poisson noise; a white value has a mean of `photons` counts."""
    counts = rng.poisson(to_unit(images) * photons)
    return to_bytes(counts / photons)


def impulse_noise(images, rng, fraction):
    """Sets a fraction of the values: half of them to 255, half to 0.

    Channels are sampled independently, so the specks are colored.
    """
    uniform = rng.uniform(0, 1, images.shape[1:])
    salted = np.where(uniform < fraction / 2, np.uint8(255), images)
    return np.where((uniform >= fraction / 2) & (uniform < fraction), 0, salted)


def speckle_noise(images, rng, deviation):
    """Multiplies by 1 plus Gaussian noise of a standard deviation."""
    noise = rng.normal(images.shape[1:], deviation=deviation)
    values = to_unit(images)
    noise *= values
    return to_bytes(values + noise)
