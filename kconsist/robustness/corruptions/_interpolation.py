"""Bilinear interpolation of a batch of images."""

import numpy as np


def interpolate(values, rows, columns, border):
    """Interpolates linearly between the four pixels around each position.

    Args:
        values: float array (count, height, width, channels).
        rows: float array (count, height, width), the rows to sample at.
        columns: float array (count, height, width), the columns to sample at.
        border: `reflect_101` or `reflect`, which maps indices outside of the
            image into it.

    Returns:
        A float64 array of the shape of `values`.
    """
    count, height, width, channels = values.shape
    flat = values.reshape(-1, channels)
    first = np.arange(count)[:, None, None] * height * width
    up = np.floor(rows).astype(int)
    left = np.floor(columns).astype(int)
    down_weight = (rows - up)[..., None]
    right_weight = (columns - left)[..., None]
    right = border(left + 1, width)
    left = border(left, width)

    def line(row):
        row = first + border(row, height) * width
        result = flat.take(row + left, 0) * (1 - right_weight)
        result += flat.take(row + right, 0) * right_weight
        return result

    result = line(up) * (1 - down_weight)
    result += line(up + 1) * down_weight
    return result


def reflect_101(index, size):
    """Reflects indices about the outermost pixels (2 1 0 1 2)."""
    index = np.abs(index) % (2 * size - 2)
    return np.minimum(index, 2 * size - 2 - index)


def reflect(index, size):
    """Reflects indices about the borders (2 1 0 0 1 2)."""
    index = index % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)
