"""Random clouds by the diamond-square rule."""

import numpy as np


def plasma(draws, side, decay):
    """Returns clouds (count, side, side) out of draws.

    The map is a torus, and it starts from one corner of 0. Each level halves
    the distance of the known points: first the middle of each square, then the
    middles of its upper and its left edge. A new point is the mean of its four
    nearest known ones plus w u, w being 100, divided by `decay` after each
    level, and u uniform in [-w, w]. At the end each map is brought to [0, 1].

    Args:
        draws: float array (count, side² - 1), uniform in [-1, 1): level by
            level, the squares, the upper edges and the left edges, each by
            rows.
        side: int, a power of two.
        decay: float.

    Returns:
        A float64 array (count, side, side).
    """
    clouds = np.zeros((len(draws), side, side))
    wibble = 100.0
    used = 0
    for cells in _cells(side):
        step = side // cells
        half = step // 2
        shape = (len(draws), cells, cells)
        size = cells**2
        square, upper, left = (
            draws[:, used + k * size : used + (k + 1) * size].reshape(shape)
            * (wibble * wibble)
            for k in range(3)
        )
        used += 3 * size
        corner = clouds[:, ::step, ::step]
        right = np.roll(corner, -1, axis=2)
        below = np.roll(corner, -1, axis=1)
        across = np.roll(below, -1, axis=2)
        middle = (corner + right + below + across) / 4 + square
        clouds[:, half::step, half::step] = middle
        above = np.roll(middle, 1, axis=1)
        before = np.roll(middle, 1, axis=2)
        clouds[:, ::step, half::step] = (
            corner + right + middle + above
        ) / 4 + upper
        clouds[:, half::step, ::step] = (
            corner + below + middle + before
        ) / 4 + left
        wibble /= decay
    clouds -= clouds.min(axis=(1, 2), keepdims=True)
    return clouds / clouds.max(axis=(1, 2), keepdims=True)


def _cells(side):
    """Returns 1, 2, 4, ..., side / 2."""
    return [2**level for level in range(side.bit_length() - 1)]
