"""Between bytes and numbers in [0, 1]."""

import numpy as np


def to_unit(images, dtype=np.float64):
    """Returns uint8 images as floats in [0, 1]."""
    return np.divide(images, 255, dtype=dtype)


def to_bytes(values):
    """Returns floats as uint8 images: clipped to [0, 1], then truncated.

    The benchmark truncates and never rounds, which takes about half a level
    off every noised image. The floats are overwritten.
    """
    np.clip(values, 0, 1, out=values)
    values *= 255
    return values.astype(np.uint8)


def gray(images):
    """Returns the luma of RGB images, uint8 (..., 1), as Pillow rounds it."""
    red, green, blue = np.moveaxis(images.astype(np.int32), -1, 0)
    luma = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return luma[..., None].astype(np.uint8)
