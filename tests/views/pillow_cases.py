"""The operations, each with its counterpart in Pillow."""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from kconsist.views import _geometry, _ops


def enhance(enhancer):
    return lambda image, factor: enhancer(image).enhance(factor)


def transform(coefficients):
    return lambda image, value: image.transform(
        image.size, Image.AFFINE, coefficients(value)
    )


def solarize_add(image, addition):
    return image.point(
        [min(i + addition, 255) if i < 128 else i for i in range(256)]
        * len(image.getbands())
    )


FACTORS = [float(factor) for factor in np.linspace(0.0, 2.0, 21)] + [3.3]
SHEARS = [float(shear) for shear in np.linspace(-0.5, 0.5, 21)]
SHIFTS = [float(pixels) for pixels in range(-33, 34, 3)] + [0.3, 0.5, -2.5]
DEGREES = [float(degrees) for degrees in range(-31, 32, 2)]
DEGREES += [0.0, 12.34, 45.0, 90.0, 180.0, -90.0, 270.0]

# name: operation, Pillow's function of (image, parameter), parameters
CASES = {
    "posterize": (_ops.posterize, ImageOps.posterize, range(1, 9)),
    "solarize": (_ops.solarize, ImageOps.solarize, range(257)),
    "solarize_add": (_ops.solarize_add, solarize_add, range(0, 256, 5)),
    "brightness": (
        _ops.brightness,
        enhance(ImageEnhance.Brightness),
        FACTORS,
    ),
    "contrast": (_ops.contrast, enhance(ImageEnhance.Contrast), FACTORS),
    "color": (_ops.color, enhance(ImageEnhance.Color), FACTORS),
    "sharpness": (_ops.sharpness, enhance(ImageEnhance.Sharpness), FACTORS),
    "rotate": (_geometry.rotate, lambda i, d: i.rotate(d), DEGREES),
    "shear_x": (
        _geometry.shear_x,
        transform(lambda s: (1, s, 0, 0, 1, 0)),
        SHEARS,
    ),
    "shear_y": (
        _geometry.shear_y,
        transform(lambda s: (1, 0, 0, s, 1, 0)),
        SHEARS,
    ),
    "translate_x": (
        _geometry.translate_x,
        transform(lambda p: (1, 0, p, 0, 1, 0)),
        SHIFTS,
    ),
    "translate_y": (
        _geometry.translate_y,
        transform(lambda p: (1, 0, 0, 0, 1, p)),
        SHIFTS,
    ),
}
WITHOUT_PARAMETER = {
    "autocontrast": (_ops.autocontrast, ImageOps.autocontrast),
    "equalize": (_ops.equalize, ImageOps.equalize),
    "invert": (_ops.invert, ImageOps.invert),
}


def by_pillow(function, images, *parameters):
    """Applies a function of a Pillow image to each image of an array."""
    results = []
    for number, image in enumerate(images):
        picture = Image.fromarray(
            image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
        )
        result = function(picture, *(p[number] for p in parameters))
        results.append(np.asarray(result).reshape(image.shape))
    return np.stack(results)
