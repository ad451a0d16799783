"""Bilinear sampling of a batch of images at places between pixels."""

import numpy as np


def sample(values, rows, columns, at_border):
    """Interpolates linearly between the four pixels around each place.

    Args:
        values: float array (count, height, width, channels).
        rows: float array (count, height, width), where to sample.
        columns: the same.
        at_border: `mirrored` or `repeated`, which pixel stands for one outside.

    Returns:
        A float64 array of the shape of `values`.
    """
    count, height, width, channels = values.shape
    flat = values.reshape(-1, channels)
    first = np.arange(count)[:, None, None] * height * width
    up = np.floor(rows).astype(int)
    left = np.floor(columns).astype(int)
    down_share = (rows - up)[..., None]
    right_share = (columns - left)[..., None]
    right = at_border(left + 1, width)
    left = at_border(left, width)

    def line(row):
        row = first + at_border(row, height) * width
        result = flat.take(row + left, 0) * (1 - right_share)
        result += flat.take(row + right, 0) * right_share
        return result

    result = line(up) * (1 - down_share)
    result += line(up + 1) * down_share
    return result


def mirrored(index, size):
    """Reflects indices about the outermost pixels: ... 2 1 0 1 2 ..."""
    index = np.abs(index) % (2 * size - 2)
    return np.minimum(index, 2 * size - 2 - index)


def repeated(index, size):
    """Reflects indices about the borders: ... 2 1 0 0 1 2 ..."""
    index = index % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)
