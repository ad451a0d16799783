"""Edges of uint8 images, and the distance of each pixel to them."""

import numpy as np
from scipy import ndimage

_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.int32)
_BITS = 15
_TANGENT = 13573  # Of 22.5 degrees, with 15 bits after the point.

# Step lengths in fixed point, with four decimals: to the next pixel, to the
# next one on the diagonal, and a knight's move.
_UNIT = 10_000
_DIRECT, _DIAGONAL, _KNIGHT = 10_000, 14_000, 21_969
_FAR = 8192 * _UNIT


def canny(images, low, high):
    """Detects edges with Canny's algorithm, in OpenCV's integer arithmetic.

    The gradient is a 3 x 3 Sobel filter; its magnitude is the sum of the
    absolute components. A pixel is an edge if its gradient is a local maximum
    across the edge and above `low`, and a chain of such pixels connects it to
    one above `high`.

    Args:
        images: uint8 array (count, height, width).
        low: int, the lower threshold.
        high: int, the upper threshold.

    Returns:
        A bool array (count, height, width).
    """
    values = images.astype(np.int32)
    across = ndimage.correlate(values, _SOBEL[None], mode="nearest")
    down = ndimage.correlate(values, _SOBEL.T[None], mode="nearest")
    thin = _local_maxima(across, down)
    magnitude = np.abs(across) + np.abs(down)
    thin &= magnitude > low
    # Pixels are connected within an image, never across images.
    connected = np.zeros((3, 3, 3), int)
    connected[1] = 1
    chains, count = ndimage.label(thin, connected)
    keep = np.zeros(count + 1, bool)
    keep[chains[thin & (magnitude > high)]] = True
    return keep[chains]


def _local_maxima(across, down):
    """Returns where the gradient magnitude is maximal across the edge."""
    x, y = np.abs(across), np.abs(down)
    magnitude = x + y
    padded = np.pad(magnitude, ((0, 0), (1, 1), (1, 1)))
    height, width = magnitude.shape[1:]

    def at(y, x):
        return padded[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width]

    y = y.astype(np.int64) << _BITS
    shallow = x.astype(np.int64) * _TANGENT
    # The tangent of 67.5 degrees is that of 22.5 degrees plus 2.
    steep = shallow + (x.astype(np.int64) << (_BITS + 1))
    return np.select(
        [y < shallow, y > steep, (across ^ down) < 0],
        [
            (magnitude > at(0, -1)) & (magnitude >= at(0, 1)),
            (magnitude > at(-1, 0)) & (magnitude >= at(1, 0)),
            (magnitude > at(-1, 1)) & (magnitude > at(1, -1)),
        ],
        (magnitude > at(-1, -1)) & (magnitude > at(1, 1)),
    )


def distance(edges):
    """Returns the approximate distance of each pixel to the nearest edge.

    Paths consist of steps to one of the 16 pixels within a knight's move, of
    length 1, 1.4 and 2.1969: OpenCV's `distanceTransform` with a 5 x 5 mask.

    Args:
        edges: bool array (count, height, width).

    Returns:
        A float32 array of the same shape; 8192 for an image without edges.
    """
    fixed = np.where(edges, 0, _FAR).astype(np.int64)
    _sweep(fixed)
    _sweep(fixed[:, ::-1, ::-1])
    return np.minimum(fixed, _FAR).astype(np.float32) / _UNIT


def _sweep(fixed):
    """Propagates distances from above and from the left, in place."""
    count, height, width = fixed.shape
    # Pad by two rows above and two columns on either side.
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
            path = above[:, which, 2 + x : 2 + x + width] + step
            np.minimum(row, path, out=row)
        np.minimum.accumulate(row - slope, axis=1, out=row)
        row += slope
        above[:, 0] = above[:, 1]
        above[:, 1, 2:-2] = row
