"""The operations of RandAugment as functions of a magnitude from 0 to 10.

Reference: FixMatch (https://github.com/google-research/fixmatch,
`third_party/auto_augment/augmentations.py`).
"""

import tensorflow as tf

from kconsist.views import _geometry, _ops


def enhance_factor(magnitude):
    """Returns the factor of an enhancement, 0.1 to 1.9, (batch,)."""
    return magnitude * 1.8 / 10 + 0.1


def int_parameter(magnitude, maximum):
    """Returns int(maximum · magnitude / 10), int32 (batch,)."""
    return tf.cast(magnitude * maximum / 10, tf.int32)


def posterize_bits(magnitude):
    """Returns the number of bits that Posterize keeps, int32 (batch,)."""
    return tf.maximum(4 - int_parameter(magnitude, 4), 1)


GEOMETRIC_OPS = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")

# Functions of images (batch, height, width, channels) and magnitude (batch,).
ENHANCE_OPS = {
    "Brightness": lambda images, m: _ops.brightness(images, enhance_factor(m)),
    "Color": lambda images, m: _ops.color(images, enhance_factor(m)),
    "Contrast": lambda images, m: _ops.contrast(images, enhance_factor(m)),
    "Sharpness": lambda images, m: _ops.sharpness(images, enhance_factor(m)),
}
# Pillow runs these as look-up tables, on RGB images only.
TABLE_OPS = {
    "AutoContrast": lambda images, m: _ops.autocontrast(images),
    "Equalize": lambda images, m: _ops.equalize(images),
    "Invert": lambda images, m: _ops.invert(images),
    "Posterize": lambda images, m: _ops.posterize(images, posterize_bits(m)),
    "Solarize": lambda images, m: _ops.solarize(
        images, 256 - int_parameter(m, 256)
    ),
    "SolarizeAdd": lambda images, m: _ops.solarize_add(
        images, int_parameter(m, 110)
    ),
}

ALL_OPS = sorted(["Identity", *GEOMETRIC_OPS, *ENHANCE_OPS, *TABLE_OPS])


def apply_op(name, images, geometric_index, magnitude, sign, fill):
    """Applies one operation, or all geometric ones, to a batch.

    Args:
        name: a key of `ENHANCE_OPS` or `TABLE_OPS`; `"geometric"` for the
            operation that `geometric_index` gives; any other name is the
            identity.
        images: uint8 tensor (batch, height, width, channels).
        geometric_index: int tensor (batch,), an index into `GEOMETRIC_OPS`.
        magnitude: float64 tensor (batch,).
        sign: float64 tensor (batch,), 1 or -1.
        fill: uint8 tensor (batch,), the value of pixels that geometric
            operations read from outside the image.

    Returns:
        A uint8 tensor of the shape of `images`.
    """
    if name == "geometric":
        return apply_geometric(images, geometric_index, magnitude, sign, fill)
    if name in TABLE_OPS:
        return TABLE_OPS[name](images, magnitude)
    if name in ENHANCE_OPS:
        return ENHANCE_OPS[name](images, magnitude)
    return images


def apply_geometric(images, geometric_index, magnitude, sign, fill):
    """Applies to each image the geometric operation of its index, if any.

    Arguments and return value are those of `apply_op`. An index of -1 is the
    identity.
    """

    def parameter(name, value):
        """Returns the signed value for images with this operation, else 0."""
        chosen = geometric_index == GEOMETRIC_OPS.index(name)
        return tf.where(chosen, sign * tf.cast(value, tf.float64), 0.0)

    height, width = tf.unstack(tf.cast(tf.shape(images)[1:3], tf.float64))
    coefficients = tf.where(
        (geometric_index == GEOMETRIC_OPS.index("Rotate"))[:, None],
        _geometry.rotation(
            images, parameter("Rotate", int_parameter(magnitude, 30))
        ),
        _geometry.shear_and_shift(
            images,
            xy=parameter("ShearX", magnitude * 0.3 / 10),
            yx=parameter("ShearY", magnitude * 0.3 / 10),
            x=parameter(
                "TranslateX", int_parameter(magnitude, width * 10 / 32)
            ),
            y=parameter(
                "TranslateY", int_parameter(magnitude, height * 10 / 32)
            ),
        ),
    )
    return _geometry.affine(images, coefficients, fill)
