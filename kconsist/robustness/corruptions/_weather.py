"""Weather: snow, frost, fog and brightness.

`spatter`, the fifth corruption of this group, is in `_spatter`.

Each function takes uint8 images (count, height, width, channels), the random
generators of these images if it is random, and the constants of a severity. It
returns uint8 images.
"""

import numpy as np

from kconsist.robustness.corruptions import _hsv
from kconsist.robustness.corruptions._blur import blur_along
from kconsist.robustness.corruptions._pixels import to_bytes, to_unit
from kconsist.robustness.corruptions._plasma import plasma
from kconsist.robustness.corruptions._zoom import clipped_zoom
from kconsist.robustness.corruptions.frost_textures import frost_textures

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def snow(images, rng, mean, deviation, *constants):
    """Adds snow: motion-blurred flakes over a whitened image.

    The flakes start as Gaussian noise with `mean` and `deviation`. See
    `apply_snow` for the other constants.
    """
    flakes = rng.normal(images.shape[1:3], mean, deviation)
    angles = rng.uniform(-135, -45)
    return apply_snow(images, flakes, angles, *constants)


def apply_snow(images, flakes, angles, zoom, threshold, radius, sigma, mix):
    """Adds flakes of snow to images.

    Args:
        images: uint8 array (count, height, width, 3).
        flakes: float array (count, height, width).
        angles: float array (count,), direction of the fall in degrees.
        zoom: float, magnification of the flakes.
        threshold: float; flakes below it are removed.
        radius: int, radius of the motion blur of the flakes.
        sigma: float, standard deviation of the motion blur of the flakes.
        mix: float in [0, 1], weight of the unwhitened image.

    Returns:
        A uint8 array of the shape of `images`.
    """
    flakes = clipped_zoom(np.moveaxis(flakes, 0, -1), zoom)
    flakes[flakes < threshold] = 0
    flakes = np.moveaxis(flakes, -1, 0)[..., None]
    layer = to_unit(blur_along(to_bytes(flakes), angles, radius, sigma))
    values = to_unit(images, np.float32)
    red, green, blue = np.moveaxis(values * _LUMA, -1, 0)
    bright = (red + green + blue)[..., None] * 1.5 + 0.5
    values = mix * values + (1 - mix) * np.maximum(values, bright)
    # The layer is added twice: as it is, and rotated by 180 degrees.
    return to_bytes(values + layer + layer[:, ::-1, ::-1])


def frost(images, rng, image_weight, frost_weight, scale, frost_dir=None):
    """Adds frost: a random crop of a random texture.

    The textures are resized by `scale` first.
    """
    height, width = images.shape[1:3]
    textures = frost_textures(frost_dir, scale, height, width)
    which = rng.integers(0, len(textures))
    # Truncation never selects the last possible row and column.
    margins = [np.subtract(t.shape[:2], (height, width)) for t in textures]
    corners = rng.uniform(0, 1, (2,)) * np.stack(margins)[which]
    crops = [
        textures[w][y : y + height, x : x + width]
        for w, (y, x) in zip(which, corners.astype(int), strict=True)
    ]
    return apply_frost(images, np.stack(crops), image_weight, frost_weight)


def apply_frost(images, crops, image_weight, frost_weight):
    """Adds weighted crops of frost, uint8 (count, height, width, 3)."""
    values = image_weight * images.astype(float) + frost_weight * crops
    return np.clip(values, 0, 255).astype(np.uint8)


def fog(images, rng, amount, decay):
    """Adds fog: a cloud scaled by `amount`, rougher for a smaller `decay`."""
    side = cloud_side(*images.shape[1:3])
    clouds = plasma(rng.uniform(-1, 1, (side**2 - 1,)), side, decay)
    return apply_fog(images, clouds, amount)


def cloud_side(height, width):
    """Returns the smallest power of two that covers an image."""
    return 2 ** (max(height, width) - 1).bit_length()


def apply_fog(images, clouds, amount):
    """Adds clouds (count, side, side) to images and rescales.

    No pixel becomes brighter than the brightest value of its image.
    """
    height, width = images.shape[1:3]
    values = to_unit(images)
    brightest = values.max(axis=(1, 2, 3), keepdims=True)
    values += amount * clouds[:, :height, :width, None]
    return to_bytes(values * brightest / (brightest + amount))


def brightness(images, amount):
    """Adds `amount` to the value channel of HSV."""
    hue, saturation, value = _hsv.from_rgb(to_unit(images))
    value = np.clip(value + amount, 0, 1)
    return to_bytes(_hsv.to_rgb(hue, saturation, value))
