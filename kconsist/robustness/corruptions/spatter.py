"""Spatter: drops of water or mud on the lens.

The published code calls OpenCV for water. Its steps are written here in NumPy
and SciPy, in integers wherever OpenCV's are, so that no OpenCV is needed.
"""

import numpy as np
from scipy import ndimage

from kconsist.robustness.corruptions import edges
from kconsist.robustness.corruptions.blur import smooth
from kconsist.robustness.corruptions.pixels import to_bytes, to_unit

WATER = np.array([175, 238, 238]) / 255  # Pale turquoise.
MUD = np.array([63, 42, 20]) / 255

# Light comes from the lower right.
_RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])


def spatter(images, draws, mean, deviation, *constants):
    """Spatters the lens.

    The liquid starts as normal noise of `mean` and `deviation`; for the other
    constants see `spattered`.
    """
    liquid = draws.normal(images.shape[1:3], mean, deviation)
    return spattered(images, liquid, *constants)


def spattered(images, liquid, sigma, threshold, mix, is_mud):
    """Puts liquid before images.

    Args:
        images: uint8 array (count, height, width, 3).
        liquid: float array (count, height, width), noise.
        sigma: float, by how much the noise is smoothed, in pixels.
        threshold: float, smoothed noise below it is no liquid.
        mix: float, how strong water is; how far mud is smoothed, in pixels.
        is_mud: bool, mud or water.

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
    return to_bytes(values + mix * water(to_bytes(liquid))[..., None] * WATER)


def water(liquid):
    """Returns how bright drops shine, float32 in [0, 1], (count, h, w).

    Args:
        liquid: uint8 array (count, height, width).
    """
    distance = edges.distance(edges.canny(liquid, 50, 150))
    distance = _box_mean(np.minimum(distance, 20)).astype(np.uint8)
    relief = _correlate(equalized(distance).astype(int), _RELIEF)
    relief = np.clip(relief, 0, 255)
    # A mean of nine integers is never half way between two.
    relief = (_correlate(relief, np.ones((3, 3), int)) + 4) // 9
    shine = liquid * relief.astype(np.float32)
    brightest = shine.max(axis=(1, 2), keepdims=True)
    # Where there is no drop the published code divides 0 by 0.
    return shine / np.maximum(brightest, 1)


def equalized(images):
    """Equalizes the histogram of each image of bytes, as OpenCV does."""
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
