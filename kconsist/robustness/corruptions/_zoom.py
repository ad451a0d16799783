"""Bilinear magnification of the center of images."""

import math

import numpy as np


def clipped_zoom(values, factor):
    """Returns the center of images, magnified to their original size.

    Each side is cropped to ceil(side / factor), magnified to
    round(crop * factor) by linear interpolation between its end points, and
    trimmed to the original side. Both margins round down, so an odd margin
    moves the crop off center. If the factor is so small that the crop is the
    whole side, the result is shifted by less than a pixel or unchanged.

    Args:
        values: float array (height, width, ...).
        factor: float, 1 or more.

    Returns:
        A float64 array of the same shape.
    """
    for axis in (0, 1):
        lower, fraction = source_positions(values.shape[axis], factor)
        trailing = tuple(range(1, values.ndim - axis))
        fraction = np.expand_dims(fraction, trailing)
        below = values.take(lower, axis) * (1 - fraction)
        values = values.take(lower + 1, axis) * fraction
        values += below
    return values


def zoomed_sides(side, factor):
    """Returns the side of the crop and that of the magnified crop, ints.

    Factors for which these are the same give the same images.
    """
    crop = math.ceil(side / factor)
    return crop, round(crop * factor)


def source_positions(side, factor):
    """Returns the source position of each pixel of a magnified side.

    Returns:
        The index of the source pixel before it, int (side,), and the fraction
        of the way to the next source pixel, float64 (side,) in [0, 1].
    """
    crop, grown = zoomed_sides(side, factor)
    trim = (grown - side) // 2
    positions = np.arange(grown)[trim : trim + side] * (
        (crop - 1) / (grown - 1)
    )
    lower = np.minimum(positions.astype(int), crop - 2)
    return (side - crop) // 2 + lower, np.minimum(positions - lower, 1)
