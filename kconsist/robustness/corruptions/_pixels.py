"""Conversions between uint8 images and floats in [0, 1]."""

import numpy as np


def to_unit(images, dtype=np.float64):
    """Converts uint8 images to floats in [0, 1]."""
    return np.divide(images, 255, dtype=dtype)


def to_bytes(values):
    """Converts floats to uint8 images: clips to [0, 1], then truncates.

    The benchmark truncates instead of rounding, which darkens every noisy
    image by about half a level. Overwrites `values`.
    """
    np.clip(values, 0, 1, out=values)
    values *= 255
    return values.astype(np.uint8)


def gray(images):
    """Returns the luma of RGB images, uint8 (..., 1), rounded as in Pillow."""
    red, green, blue = np.moveaxis(images.astype(np.int32), -1, 0)
    luma = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return luma[..., None].astype(np.uint8)
