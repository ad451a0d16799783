"""Bilinear magnification of the middle of images."""

import math

import numpy as np


def clipped_zoom(values, factor):
    """Returns the middle of images, magnified to their own size.

    A side is cropped to ceil(side / factor), magnified by linear interpolation
    between its end points to round(crop * factor), and trimmed to the side.
    Both halvings round down, so an odd rest puts the crop off the middle, and a
    factor so small that the crop is the whole side shifts by less than a pixel
    or does nothing.

    Args:
        values: float array (height, width, ...).
        factor: float, 1 or more.

    Returns:
        A float64 array of the same shape.
    """
    for axis in (0, 1):
        lower, fraction = positions(values.shape[axis], factor)
        behind = tuple(range(1, values.ndim - axis))
        fraction = np.expand_dims(fraction, behind)
        below = values.take(lower, axis) * (1 - fraction)
        values = values.take(lower + 1, axis) * fraction
        values += below
    return values


def positions(side, factor):
    """Returns where each place of a magnified side comes from.

    Returns:
        The source before it, int (side,), and how far the place is on the way
        to the next one, float64 (side,) in [0, 1].
    """
    crop = math.ceil(side / factor)
    grown = round(crop * factor)
    trim = (grown - side) // 2
    places = np.arange(grown)[trim : trim + side] * ((crop - 1) / (grown - 1))
    lower = np.minimum(places.astype(int), crop - 2)
    return (side - crop) // 2 + lower, np.minimum(places - lower, 1)
