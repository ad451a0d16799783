"""Random clouds made by the diamond-square algorithm."""

import numpy as np


def plasma(noise, side, decay):
    """Returns clouds (count, side, side) made from uniform noise.

    The map is a torus and starts from one corner of value 0. Each level halves
    the distance between known points: it fills the middle of each square, then
    the middles of its upper and left edges. A new point is the mean of its
    four nearest known points plus w u. Here w starts at 100 and is divided by
    `decay` after each level, and u is uniform in [-w, w]. Finally each map is
    rescaled to [0, 1].

    Args:
        noise: float array (count, side² - 1), uniform in [-1, 1). Values are
            used level by level: the squares, the upper edges and the left
            edges, each in row order.
        side: int, a power of two.
        decay: float, by which w is divided after each level.

    Returns:
        A float64 array (count, side, side).
    """
    clouds = np.zeros((len(noise), side, side))
    wibble = 100.0
    used = 0
    for cells in _cells(side):
        step = side // cells
        half = step // 2
        shape = (len(noise), cells, cells)
        size = cells**2
        square, upper, left = (
            noise[:, used + k * size : used + (k + 1) * size].reshape(shape)
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
