"""Edges of images of bytes, and how far each pixel is from them."""

import numpy as np
from scipy import ndimage

_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.int32)
_BITS = 15
_TANGENT = 13573  # Of 22.5 degrees, with 15 bits after the point.

# Lengths of steps, with four decimals: to the next pixel, to the next on the
# diagonal, and a knight's move.
_UNIT = 10_000
_DIRECT, _DIAGONAL, _KNIGHT = 10_000, 14_000, 21_969
_FAR = 8192 * _UNIT


def canny(images, low, high):
    """Finds edges by Canny's rule, in OpenCV's integers.

    The gradient is Sobel's over 3 x 3 pixels, its size the sum of its absolute
    parts. A pixel is on an edge where the gradient is greatest across the edge
    and above `low`, and a chain of such pixels leads to one above `high`.

    Args:
        images: uint8 array (count, height, width).
        low: int.
        high: int.

    Returns:
        A bool array (count, height, width).
    """
    values = images.astype(np.int32)
    across = ndimage.correlate(values, _SOBEL[None], mode="nearest")
    down = ndimage.correlate(values, _SOBEL.T[None], mode="nearest")
    thin = _greatest_across(across, down)
    size = np.abs(across) + np.abs(down)
    thin &= size > low
    # Pixels of one image touch, pixels of two images do not.
    touching = np.zeros((3, 3, 3), int)
    touching[1] = 1
    chains, count = ndimage.label(thin, touching)
    kept = np.zeros(count + 1, bool)
    kept[chains[thin & (size > high)]] = True
    return kept[chains]


def _greatest_across(across, down):
    """Tells where the gradient is not smaller than at both sides."""
    x, y = np.abs(across), np.abs(down)
    size = x + y
    padded = np.pad(size, ((0, 0), (1, 1), (1, 1)))
    height, width = size.shape[1:]

    def at(y, x):
        return padded[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width]

    y = y.astype(np.int64) << _BITS
    shallow = x.astype(np.int64) * _TANGENT
    # The tangent of 67.5 degrees is that of 22.5 degrees plus 2.
    steep = shallow + (x.astype(np.int64) << (_BITS + 1))
    return np.select(
        [y < shallow, y > steep, (across ^ down) < 0],
        [
            (size > at(0, -1)) & (size >= at(0, 1)),
            (size > at(-1, 0)) & (size >= at(1, 0)),
            (size > at(-1, 1)) & (size > at(1, -1)),
        ],
        (size > at(-1, -1)) & (size > at(1, 1)),
    )


def distance(edges):
    """Returns how far each pixel is from the next edge, roughly, float32.

    A way goes by steps to one of the 16 pixels within a knight's move, of
    length 1, 1.4 and 2.1969: OpenCV's `distanceTransform` with a 5 x 5 mask.

    Args:
        edges: bool array (count, height, width).

    Returns:
        A float32 array of that shape; 8192 where an image has no edge.
    """
    fixed = np.where(edges, 0, _FAR).astype(np.int64)
    _sweep(fixed)
    _sweep(fixed[:, ::-1, ::-1])
    return np.minimum(fixed, _FAR).astype(np.float32) / _UNIT


def _sweep(fixed):
    """Shortens ways by those that come from above or from the left."""
    count, height, width = fixed.shape
    # Two columns and two rows of nothing around the image.
    above = np.full((count, 2, width + 4), 2 * _FAR, np.int64)
    slope = _DIRECT * np.arange(width)
    for y in range(height):
        row = fixed[:, y]
        for which, x, step in (
            (0, -1, _KNIGHT),
            (0, 1, _KNIGHT),
            (1, -2, _KNIGHT),
            (1, -1, _DIAGONAL),
            (1, 0, _DIRECT),
            (1, 1, _DIAGONAL),
            (1, 2, _KNIGHT),
        ):
            way = above[:, which, 2 + x : 2 + x + width] + step
            np.minimum(row, way, out=row)
        np.minimum.accumulate(row - slope, axis=1, out=row)
        row += slope
        above[:, 0] = above[:, 1]
        above[:, 1, 2:-2] = row
