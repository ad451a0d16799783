"""Noise: each channel value of each pixel is disturbed on its own.

Each function takes uint8 images (count, height, width, channels), the draws of
these images and the constants of a severity, and returns uint8 images.
"""

import numpy as np

from kconsist.robustness.corruptions.pixels import to_bytes, to_unit


def gaussian_noise(images, draws, deviation):
    """Adds normal noise of a standard deviation, in units of [0, 1]."""
    values = draws.normal(images.shape[1:], deviation=deviation)
    values += to_unit(images)
    return to_bytes(values)


def shot_noise(images, draws, photons):
    """Counts photons: a Poisson draw whose mean is `photons` for white."""
    counts = draws.poisson(to_unit(images) * photons)
    return to_bytes(counts / photons)


def impulse_noise(images, draws, fraction):
    """Sets a fraction of the values, half of them to 255, half to 0.

    Channels are drawn one by one, so the specks are colored.
    """
    drawn = draws.uniform(0, 1, images.shape[1:])
    salted = np.where(drawn < fraction / 2, np.uint8(255), images)
    return np.where((drawn >= fraction / 2) & (drawn < fraction), 0, salted)


def speckle_noise(images, draws, deviation):
    """Multiplies by 1 plus normal noise of a standard deviation."""
    noise = draws.normal(images.shape[1:], deviation=deviation)
    values = to_unit(images)
    noise *= values
    return to_bytes(values + noise)
