"""Digital: what storing and processing do to an image.

Each function takes uint8 images (count, height, width, channels), the draws of
these images where it needs some, and the constants of a severity, and returns
uint8 images.
"""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from kconsist.robustness.corruptions import hsv
from kconsist.robustness.corruptions.pixels import to_bytes, to_unit
from kconsist.robustness.corruptions.sampling import mirrored, repeated, sample


def contrast(images, factor):
    """Scales around the mean of each image and channel."""
    values = to_unit(images)
    means = values.mean(axis=(1, 2), keepdims=True)
    return to_bytes((values - means) * factor + means)


def saturate(images, gain, offset):
    """Scales the saturation, and adds to it.

    Gray has the hue of red, so an `offset` tints it red.
    """
    hue, saturation, value = hsv.from_rgb(to_unit(images))
    saturation = np.clip(saturation * gain + offset, 0, 1)
    return to_bytes(hsv.to_rgb(hue, saturation, value))


def pixelate(images, factor):
    """Shrinks by `factor` and enlarges again, both by boxes."""
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
    """Compresses by JPEG at Pillow's defaults, and reads it back."""
    results = np.empty_like(images)
    for image, result in zip(images, results, strict=True):
        with io.BytesIO() as file:
            Image.fromarray(image).save(file, "JPEG", quality=quality)
            with Image.open(file) as compressed:
                result[...] = np.asarray(compressed)
    return results


def elastic_transform(images, draws, alpha, sigma, jitter):
    """Stretches: a random affine map, then a random smooth one.

    All three constants are fractions of the shorter side; `warped` says what
    they are.
    """
    height, width = images.shape[1:3]
    side = min(height, width)
    jitters = draws.uniform(-side * jitter, side * jitter, (3, 2))
    across = draws.uniform(-1, 1, (height, width))
    down = draws.uniform(-1, 1, (height, width))
    sigmas = (0, side * sigma, side * sigma)
    across, down = (
        side * alpha * ndimage.gaussian_filter(shift, sigmas, truncate=3)
        for shift in (across, down)
    )
    return warped(images, jitters, across, down)


def warped(images, jitters, across, down):
    """Moves three points of each image, then each pixel by its own shift.

    The published code does the first by OpenCV's `warpAffine`, the second by
    SciPy's `map_coordinates`. Here both are bilinear sampling in float64 with
    coordinates that are not rounded, kept as float32 in between. That is what
    OpenCV 5 and today's SciPy do but for the last bits; earlier OpenCV rounds
    coordinates to 1/32 pixel, which moves values by a few levels.

    Args:
        images: uint8 array (count, height, width, 3).
        jitters: float array (count, 3, 2), in pixels, how far the lower right,
            the upper right and the upper left corner of a square around the
            middle move right and down; the square has two thirds of the shorter
            side.
        across: float array (count, height, width), in pixels, how far to the
            right of itself each pixel finds its value.
        down: the same, downward.

    Returns:
        A uint8 array of the shape of `images`.
    """
    height, width = images.shape[1:3]
    values = to_unit(images, np.float32)
    rows, columns = _affine_places(jitters, height, width)
    values = sample(values, rows, columns, mirrored).astype(np.float32)

    rows, columns = np.mgrid[:height, :width]
    rows = rows + np.float32(down)
    columns = columns + np.float32(across)
    values = sample(values, rows, columns, repeated).astype(np.float32)
    return to_bytes(values)


def _affine_places(jitters, height, width):
    """Returns the row and the column where each pixel finds its value."""
    half = min(height, width) // 3
    corners = np.array([[half, half], [half, -half], [-half, -half]], float)
    corners += [width // 2, height // 2]
    count = len(jitters)
    moved = np.ones((count, 3, 3))
    moved[:, :, :2] = np.float32(corners) + np.float32(jitters)
    # The map back: from where the corners are to where they were.
    back = np.linalg.solve(moved, np.broadcast_to(corners, (count, 3, 2)))
    rows, columns = np.mgrid[:height, :width].reshape(2, -1)
    places = np.stack([columns, rows, np.ones_like(rows)], -1) @ back
    places = places.reshape(count, height, width, 2)
    return places[..., 1], places[..., 0]
