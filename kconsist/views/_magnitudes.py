"""What the operations of RandAugment do at a level from 0 to 10.

Reference: FixMatch (https://github.com/google-research/fixmatch,
`third_party/auto_augment/augmentations.py`).
"""

import tensorflow as tf

from kconsist.views import _geometry, _ops


def factor(level):
    """Returns the blending factor of an enhancement, 0.1 to 1.9, (batch,)."""
    return level * 1.8 / 10 + 0.1


def integer(level, most):
    """Returns int(most level / 10), int32 (batch,)."""
    return tf.cast(level * most / 10, tf.int32)


def bits(level):
    """Returns how many bits Posterize keeps, int32 (batch,)."""
    return tf.maximum(4 - integer(level, 4), 1)


GEOMETRIC = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")

# Functions of images (batch, height, width, channels) and level (batch,).
ENHANCEMENTS = {
    "Brightness": lambda images, m: _ops.brightness(images, factor(m)),
    "Color": lambda images, m: _ops.color(images, factor(m)),
    "Contrast": lambda images, m: _ops.contrast(images, factor(m)),
    "Sharpness": lambda images, m: _ops.sharpness(images, factor(m)),
}
TABLES = {
    "AutoContrast": lambda images, m: _ops.autocontrast(images),
    "Equalize": lambda images, m: _ops.equalize(images),
    "Invert": lambda images, m: _ops.invert(images),
    "Posterize": lambda images, m: _ops.posterize(images, bits(m)),
    "Solarize": lambda images, m: _ops.solarize(images, 256 - integer(m, 256)),
    "SolarizeAdd": lambda images, m: _ops.solarize_add(images, integer(m, 110)),
}

ALL_OPS = sorted(["Identity", *GEOMETRIC, *ENHANCEMENTS, *TABLES])


def apply(name, images, alpha, kind, level, sign):
    """Applies one operation, or the geometric ones, to a batch.

    Args:
        name: a key of `ENHANCEMENTS` or `TABLES`; `"geometry"` for what `kind`
            says; or any other name, which changes nothing.
        images: uint8 tensor (batch, height, width, channels).
        alpha: uint8 tensor (batch, height, width, 1), 0 where geometric
            operations brought pixels in, else 255; or None, 255 everywhere.
        kind: int tensor (batch,), a place in `GEOMETRIC`.
        level: float64 tensor (batch,).
        sign: float64 tensor (batch,), 1 or -1.

    Returns:
        The new images and the new alpha, which is a tensor.
    """
    opaque = tf.fill(tf.shape(images[..., :1]), tf.constant(255, tf.uint8))
    if name == "geometry":
        return move(images, alpha, kind, level, sign)
    if name in TABLES:
        # The published code converts to RGB for these, which drops alpha.
        return TABLES[name](images, level), opaque
    if name in ENHANCEMENTS:
        images = ENHANCEMENTS[name](images, level)
    return images, opaque if alpha is None else alpha


def move(images, alpha, kind, level, sign):
    """Applies to each image the geometric operation of its kind.

    The arguments and what is returned are those of `apply`.
    """

    def of(name, amount):
        is_kind = kind == GEOMETRIC.index(name)
        return tf.where(is_kind, sign * tf.cast(amount, tf.float64), 0.0)

    height, width = tf.unstack(tf.cast(tf.shape(images)[1:3], tf.float64))
    coefficients = tf.where(
        (kind == GEOMETRIC.index("Rotate"))[:, None],
        _geometry.rotation(images, of("Rotate", integer(level, 30))),
        _geometry.offsets(
            images,
            xy=of("ShearX", level * 0.3 / 10),
            yx=of("ShearY", level * 0.3 / 10),
            x=of("TranslateX", integer(level, width * 10 / 32)),
            y=of("TranslateY", integer(level, height * 10 / 32)),
        ),
    )
    places = _geometry.places(images, coefficients)
    if alpha is None:
        inside = places < tf.reduce_prod(tf.shape(images)[:3])
        alpha = 255 * tf.cast(inside, tf.uint8)[..., None]
    else:
        alpha = _geometry.take(alpha, places)
    return _geometry.take(images, places), alpha
