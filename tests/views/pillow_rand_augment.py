"""The operations of RandAugment in Pillow, as FixMatch runs them.

Each is a function of (RGBA image, magnitude, sign).
"""

from PIL import Image, ImageEnhance, ImageOps


def on_rgb(function):
    """Drops alpha before the function, as the published code does."""
    return lambda image, *rest: function(image.convert("RGB"), *rest).convert(
        "RGBA"
    )


def move(image, *coefficients):
    return image.transform(image.size, Image.AFFINE, coefficients)


def enhance(enhancer):
    return lambda image, m, sign: enhancer(image).enhance(m * 1.8 / 10 + 0.1)


def pixels(m, side):
    return int(m * side * 10 / 32 / 10)


def solarize_add(image, m, sign):
    table = [min(i + int(m * 110 / 10), 255) for i in range(128)]
    return image.point((table + list(range(128, 256))) * 3)


ORACLE = {
    "Identity": lambda image, m, sign: image,
    "AutoContrast": on_rgb(lambda i, m, s: ImageOps.autocontrast(i)),
    "Equalize": on_rgb(lambda i, m, s: ImageOps.equalize(i)),
    "Invert": on_rgb(lambda i, m, s: ImageOps.invert(i)),
    "Rotate": lambda i, m, s: i.rotate(s * int(m * 30 / 10)),
    "ShearX": lambda i, m, s: move(i, 1, s * m * 0.3 / 10, 0, 0, 1, 0),
    "ShearY": lambda i, m, s: move(i, 1, 0, 0, s * m * 0.3 / 10, 1, 0),
    "TranslateX": lambda i, m, s: move(
        i, 1, 0, s * pixels(m, i.width), 0, 1, 0
    ),
    "TranslateY": lambda i, m, s: move(
        i, 1, 0, 0, 0, 1, s * pixels(m, i.height)
    ),
    "Color": enhance(ImageEnhance.Color),
    "Contrast": enhance(ImageEnhance.Contrast),
    "Brightness": enhance(ImageEnhance.Brightness),
    "Sharpness": enhance(ImageEnhance.Sharpness),
    "Solarize": on_rgb(
        lambda i, m, s: ImageOps.solarize(i, 256 - int(m * 256 / 10))
    ),
    "SolarizeAdd": on_rgb(solarize_add),
    "Posterize": on_rgb(
        lambda i, m, s: ImageOps.posterize(i, max(4 - int(m * 4 / 10), 1))
    ),
}
