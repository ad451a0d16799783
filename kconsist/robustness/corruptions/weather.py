"""Weather: something lies between the camera and the scene.

`spatter`, the fifth of this group, has a file of its own.

Each function takes uint8 images (count, height, width, channels), the draws of
these images where it needs some, and the constants of a severity, and returns
uint8 images.
"""

import numpy as np

from kconsist.robustness.corruptions import hsv
from kconsist.robustness.corruptions.blur import moved
from kconsist.robustness.corruptions.frost_textures import frost_textures
from kconsist.robustness.corruptions.pixels import to_bytes, to_unit
from kconsist.robustness.corruptions.plasma import plasma
from kconsist.robustness.corruptions.zoom import clipped_zoom

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def snow(images, draws, mean, deviation, *constants):
    """Lets it snow: blurred flakes fall before a whitened image.

    The flakes start as normal noise of `mean` and `deviation`; for the other
    constants see `snowed`.
    """
    flakes = draws.normal(images.shape[1:3], mean, deviation)
    angles = draws.uniform(-135, -45)
    return snowed(images, flakes, angles, *constants)


def snowed(images, flakes, angles, zoom, threshold, radius, sigma, mix):
    """Puts flakes over images.

    Args:
        images: uint8 array (count, height, width, 3).
        flakes: float array (count, height, width).
        angles: float array (count,), of the fall, in degrees.
        zoom: float, how far the flakes are magnified.
        threshold: float, flakes below it are none.
        radius: int, of the motion blur of the flakes.
        sigma: float, of the motion blur of the flakes.
        mix: float in [0, 1], how much of the image is left unwhitened.

    Returns:
        A uint8 array of the shape of `images`.
    """
    flakes = clipped_zoom(np.moveaxis(flakes, 0, -1), zoom)
    flakes[flakes < threshold] = 0
    flakes = np.moveaxis(flakes, -1, 0)[..., None]
    layer = to_unit(moved(to_bytes(flakes), angles, radius, sigma))
    values = to_unit(images, np.float32)
    red, green, blue = np.moveaxis(values * _LUMA, -1, 0)
    bright = (red + green + blue)[..., None] * 1.5 + 0.5
    values = mix * values + (1 - mix) * np.maximum(values, bright)
    # The layer falls twice: once as it is, once turned by 180 degrees.
    return to_bytes(values + layer + layer[:, ::-1, ::-1])


def frost(images, draws, image_weight, frost_weight, scale, frost_dir=None):
    """Grows frost on the pane: a random piece of a random texture.

    `scale` is by how much the textures are shrunk before.
    """
    height, width = images.shape[1:3]
    textures = frost_textures(frost_dir, scale, height, width)
    which = draws.integers(0, len(textures))
    # The last possible row and column are never taken.
    rooms = [np.subtract(t.shape[:2], (height, width)) for t in textures]
    spots = draws.uniform(0, 1, (2,)) * np.stack(rooms)[which]
    pieces = [
        textures[w][y : y + height, x : x + width]
        for w, (y, x) in zip(which, spots.astype(int), strict=True)
    ]
    return frosted(images, np.stack(pieces), image_weight, frost_weight)


def frosted(images, pieces, image_weight, frost_weight):
    """Adds weighted pieces of frost, uint8 (count, height, width, 3)."""
    values = image_weight * images.astype(float) + frost_weight * pieces
    return np.clip(values, 0, 255).astype(np.uint8)


def fog(images, draws, amount, decay):
    """Adds fog: a cloud of `amount`, rougher for a smaller `decay`."""
    side = cloud_side(*images.shape[1:3])
    clouds = plasma(draws.uniform(-1, 1, (side**2 - 1,)), side, decay)
    return fogged(images, clouds, amount)


def cloud_side(height, width):
    """Returns the least power of two that holds an image."""
    return 2 ** (max(height, width) - 1).bit_length()


def fogged(images, clouds, amount):
    """Adds clouds (count, side, side) to images and rescales.

    The brightest value of each image stays the greatest possible one.
    """
    height, width = images.shape[1:3]
    values = to_unit(images)
    brightest = values.max(axis=(1, 2, 3), keepdims=True)
    values += amount * clouds[:, :height, :width, None]
    return to_bytes(values * brightest / (brightest + amount))


def brightness(images, amount):
    """Adds `amount` to the value of hue, saturation and value."""
    hue, saturation, value = hsv.from_rgb(to_unit(images))
    value = np.clip(value + amount, 0, 1)
    return to_bytes(hsv.to_rgb(hue, saturation, value))
