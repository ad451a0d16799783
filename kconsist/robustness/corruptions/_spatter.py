"""Spatter: drops of water or mud on the lens.

The published code uses OpenCV for water. Here its steps are reimplemented in
NumPy and SciPy, with the same integer arithmetic, so OpenCV is not required.
"""

import numpy as np
from scipy import ndimage

from kconsist.robustness.corruptions import _edges
from kconsist.robustness.corruptions._blur import smooth
from kconsist.robustness.corruptions._pixels import to_bytes, to_unit

WATER = np.array([175, 238, 238]) / 255  # Pale turquoise.
MUD = np.array([63, 42, 20]) / 255

# Light comes from the lower right.
_RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])


def spatter(images, rng, mean, deviation, *constants):
    """Spatters the lens with water or mud.

    The liquid starts as Gaussian noise with `mean` and `deviation`. See
    `apply_spatter` for the other constants.
    """
    liquid = rng.normal(images.shape[1:3], mean, deviation)
    return apply_spatter(images, liquid, *constants)


def apply_spatter(images, liquid, sigma, threshold, mix, is_mud):
    """Covers images with drops of liquid.

    Args:
        images: uint8 array (count, height, width, 3).
        liquid: float array (count, height, width), noise.
        sigma: float, by how many pixels the noise is smoothed.
        threshold: float; smoothed noise below it is not liquid.
        mix: float, the strength of water, or by how many pixels mud is
            smoothed.
        is_mud: bool, whether the liquid is mud rather than water.

    Returns:
        A uint8 array of the shape of `images`.
    """
    values = to_unit(images)
    liquid = smooth(liquid[..., None], sigma)[..., 0]
    liquid[liquid < threshold] = 0
    if is_mud:
        drops = (liquid > threshold).astype(np.float32)[..., None]
        drops = smooth(drops, mix)
        drops[drops < 0.8] = 0
        return to_bytes(values * (1 - drops) + drops * MUD)
    highlights = water_highlights(to_bytes(liquid))[..., None]
    return to_bytes(values + mix * highlights * WATER)


def water_highlights(liquid):
    """Returns the highlights of drops of water.

    Args:
        liquid: uint8 array (count, height, width).

    Returns:
        A float32 array (count, height, width) in [0, 1].
    """
    distance = _edges.distance(_edges.canny(liquid, 50, 150))
    distance = _box_mean(np.minimum(distance, 20)).astype(np.uint8)
    relief = _correlate(equalize_histogram(distance).astype(int), _RELIEF)
    relief = np.clip(relief, 0, 255)
    # The mean of nine integers is never halfway between two integers.
    relief = (_correlate(relief, np.ones((3, 3), int)) + 4) // 9
    highlights = liquid * relief.astype(np.float32)
    brightest = highlights.max(axis=(1, 2), keepdims=True)
    # The published code divides 0 by 0 for an image without drops.
    return highlights / np.maximum(brightest, 1)


def equalize_histogram(images):
    """Equalizes the histogram of each uint8 image, as OpenCV does."""
    count = len(images)
    pixels = images[0].size
    index = images.reshape(count, -1) + 256 * np.arange(count)[:, None]
    histogram = np.bincount(index.ravel(), minlength=256 * count)
    histogram = histogram.reshape(count, 256)
    lowest = np.argmax(histogram > 0, axis=1)
    smallest = histogram[np.arange(count), lowest][:, None]
    rest = pixels - smallest
    scale = np.float32(255) / np.maximum(rest, 1).astype(np.float32)
    above = np.maximum(histogram.cumsum(axis=1) - smallest, 0)
    table = np.rint(above.astype(np.float32) * scale)
    table = np.where(rest == 0, lowest[:, None], table).astype(np.uint8)
    return table.ravel()[index].reshape(images.shape)


def _box_mean(values):
    total = _correlate(values.astype(float), np.ones((3, 3)))
    return (total * (1 / 9)).astype(np.float32)


def _correlate(values, kernel):
    return ndimage.correlate(values, kernel[None], mode="mirror")
