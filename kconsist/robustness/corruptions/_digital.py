"""Digital: artifacts of storing and processing images.

Each function takes uint8 images (count, height, width, channels), the random
generators of these images if it is random, and the constants of a severity. It
returns uint8 images.
"""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from kconsist.robustness.corruptions import _hsv
from kconsist.robustness.corruptions._interpolation import (
    interpolate,
    reflect,
    reflect_101,
)
from kconsist.robustness.corruptions._pixels import to_bytes, to_unit


def contrast(images, factor):
    """Scales values around the mean of each image and channel."""
    values = to_unit(images)
    means = values.mean(axis=(1, 2), keepdims=True)
    return to_bytes((values - means) * factor + means)


def saturate(images, gain, offset):
    """Multiplies the saturation by `gain` and adds `offset`.

    Gray has the hue of red, so an `offset` tints it red.
    """
    hue, saturation, value = _hsv.from_rgb(to_unit(images))
    saturation = np.clip(saturation * gain + offset, 0, 1)
    return to_bytes(_hsv.to_rgb(hue, saturation, value))


def pixelate(images, factor):
    """Downsamples by `factor` and upsamples again, both with box filters."""
    height, width = images.shape[1:3]
    small = (int(width * factor), int(height * factor))
    results = [
        Image.fromarray(image)
        .resize(small, Image.Resampling.BOX)
        .resize((width, height), Image.Resampling.BOX)
        for image in images
    ]
    return np.stack([np.asarray(result) for result in results])


def jpeg_compression(images, quality):
    """Compresses to JPEG with Pillow's defaults and decodes again."""
    results = np.empty_like(images)
    for image, result in zip(images, results, strict=True):
        with io.BytesIO() as file:
            Image.fromarray(image).save(file, "JPEG", quality=quality)
            with Image.open(file) as compressed:
                result[...] = np.asarray(compressed)
    return results


def elastic_transform(images, rng, alpha, sigma, jitter):
    """Applies a random affine map, then a random smooth displacement.

    All three constants are fractions of the shorter side: `alpha` scales the
    displacement, `sigma` smooths it, and `jitter` moves the three points of
    the affine map (see `warp`).
    """
    height, width = images.shape[1:3]
    side = min(height, width)
    jitters = rng.uniform(-side * jitter, side * jitter, (3, 2))
    across = rng.uniform(-1, 1, (height, width))
    down = rng.uniform(-1, 1, (height, width))
    sigmas = (0, side * sigma, side * sigma)
    across, down = (
        side * alpha * ndimage.gaussian_filter(shift, sigmas, truncate=3)
        for shift in (across, down)
    )
    return warp(images, jitters, across, down)


def warp(images, jitters, across, down):
    """Moves three points of each image, then dispositions each pixel.

    The published code uses OpenCV's `warpAffine` for the first step and
    SciPy's `map_coordinates` for the second. Here both are bilinear
    interpolation in float64 at unrounded coordinates, stored as float32 in
    between. OpenCV 5 and current SciPy agree with this except for the last
    bits; earlier versions of OpenCV round coordinates to 1/32 pixel, which
    changes values by a few levels.

    Args:
        images: uint8 array (count, height, width, 3).
        jitters: float array (count, 3, 2), by how many pixels the lower right,
            upper right and upper left corners of a centered square move right
            and down. The side of the square is two thirds of the shorter side
            of the image.
        across: float array (count, height, width), how many pixels to the
            right each pixel is sampled.
        down: float array (count, height, width), how many pixels down each
            pixel is sampled.

    Returns:
        A uint8 array of the shape of `images`.
    """
    height, width = images.shape[1:3]
    values = to_unit(images, np.float32)
    rows, columns = _affine_positions(jitters, height, width)
    values = interpolate(values, rows, columns, reflect_101).astype(np.float32)

    rows, columns = np.mgrid[:height, :width]
    rows = rows + np.float32(down)
    columns = columns + np.float32(across)
    values = interpolate(values, rows, columns, reflect).astype(np.float32)
    return to_bytes(values)


def _affine_positions(jitters, height, width):
    """Returns the row and the column at which each pixel is sampled."""
    half = min(height, width) // 3
    corners = np.array([[half, half], [half, -half], [-half, -half]], float)
    corners += [width // 2, height // 2]
    count = len(jitters)
    moved = np.ones((count, 3, 3))
    moved[:, :, :2] = np.float32(corners) + np.float32(jitters)
    # The inverse map: from the moved corners to the original ones.
    inverse = np.linalg.solve(moved, np.broadcast_to(corners, (count, 3, 2)))
    rows, columns = np.mgrid[:height, :width].reshape(2, -1)
    positions = np.stack([columns, rows, np.ones_like(rows)], -1) @ inverse
    positions = positions.reshape(count, height, width, 2)
    return positions[..., 1], positions[..., 0]
