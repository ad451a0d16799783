"""Rotations, shears and translations of batches, a parameter for each image.

On uint8 images every function gives, pixel for pixel, what Pillow gives for
each image on its own (`Image.rotate` and `Image.transform` with their default
NEAREST), which is what AutoAugment, UDA and FixMatch ran: coefficients in
16-bit fixed point, as there.

Images are uint8 tensors (batch, height, width, channels); parameters are
tensors (batch,) or scalars. Results have the shape of the images.

Reference: AutoAugment, Cubuk et al. 2019 (https://arxiv.org/abs/1805.09501);
Pillow (https://pillow.readthedocs.io).
"""

import math

import tensorflow as tf


def rotate(images, degrees):
    """Rotates about the centre, counter-clockwise; black comes in."""
    return affine(images, rotation(images, degrees))


def shear_x(images, shear):
    """Shears horizontally: row y reads `shear * y` pixels further right."""
    return affine(images, offsets(images, xy=shear))


def shear_y(images, shear):
    """Shears vertically: column x reads `shear * x` pixels further down."""
    return affine(images, offsets(images, yx=shear))


def translate_x(images, pixels):
    """Moves the images left by `pixels`; black comes in."""
    return affine(images, offsets(images, x=pixels))


def translate_y(images, pixels):
    """Moves the images up by `pixels`; black comes in."""
    return affine(images, offsets(images, y=pixels))


def affine(images, coefficients):
    """Resamples images by the nearest pixel of an affine map; black outside.

    Args:
        images: uint8 tensor (batch, height, width, channels).
        coefficients: float64 tensor (batch, 6). With (a, b, c, d, e, f) the
            result at (x, y), column and row, is the image at
            (a x + b y + c, d x + e y + f); pixels have their centres at .5.

    Returns:
        A uint8 tensor of the shape of `images`.
    """
    return take(images, places(images, coefficients))


def places(images, coefficients):
    """Returns where each pixel of `affine` comes from.

    Args:
        images: tensor (batch, height, width, channels).
        coefficients: float64 tensor (batch, 6), as those of `affine`.

    Returns:
        An int32 tensor (batch, height, width) of numbers of pixels, counted
        over the whole batch; the number after the last one means outside.
    """
    batch, height, width = tf.unstack(tf.shape(images)[:3])
    a, b, c, d, e, f = tf.unstack(coefficients, axis=1)
    # Moves the origin to the centre of the first pixel.
    coefficients = (a, b, c + a * 0.5 + b * 0.5, d, e, f + d * 0.5 + e * 0.5)
    fixed_point = tf.floor(tf.stack(coefficients) * 65536.0 + 0.5)
    fixed_point = tf.cast(fixed_point, tf.int32)[:, :, None, None]
    a, b, c, d, e, f = tf.unstack(fixed_point)
    x = tf.range(width)[None, None, :]
    y = tf.range(height)[None, :, None]
    column = tf.bitwise.right_shift(a * x + (b * y + c), 16)
    row = tf.bitwise.right_shift(d * x + (e * y + f), 16)
    inside = within(column, width) & within(row, height)
    first = tf.range(batch)[:, None, None] * (height * width)
    number = row * width + (column + first)
    return tf.where(inside, number, batch * height * width)


def within(position, side):
    """Returns whether 0 <= position < side, for int32 tensors."""
    # Without its sign a negative position is a large one.
    unsigned = tf.bitcast(position, tf.uint32)
    return unsigned < tf.cast(side, tf.uint32)


def take(images, places):
    """Returns the pixels of a batch at `places`, black where outside.

    Args:
        images: uint8 tensor (batch, height, width, channels).
        places: int32 tensor (batch, height, width), from `places`.

    Returns:
        A uint8 tensor of the shape of `images`.
    """
    channels = images.shape[-1]
    pixels = tf.reshape(images, (-1, channels))
    black = tf.zeros((1, channels), images.dtype)
    result = tf.gather(tf.concat([pixels, black], axis=0), places)
    return tf.ensure_shape(result, images.shape)


def offsets(images, xy=0.0, x=0.0, yx=0.0, y=0.0):
    """Returns coefficients for `affine` that have 1 on the diagonal.

    Args:
        images: tensor (batch, height, width, channels).
        xy: tensor (batch,) or scalar, what each row adds to the column read.
        x: likewise, what is added to the column read.
        yx: likewise, what each column adds to the row read.
        y: likewise, what is added to the row read.

    Returns:
        A float64 tensor (batch, 6).
    """
    batch = tf.shape(images)[:1]
    values = [tf.cast(v, tf.float64) for v in (1.0, xy, x, yx, 1.0, y)]
    return tf.stack([tf.broadcast_to(v, batch) for v in values], axis=1)


def rotation(images, degrees):
    """Returns coefficients for `affine` of a rotation about the centre.

    Args:
        images: tensor (batch, height, width, channels).
        degrees: tensor (batch,) or scalar.

    Returns:
        A float64 tensor (batch, 6).
    """
    batch = tf.shape(images)[:1]
    height, width = tf.unstack(tf.cast(tf.shape(images)[1:3], tf.float64))
    degrees = tf.broadcast_to(tf.cast(degrees, tf.float64), batch)
    radians = degrees * (-math.pi / 180)
    # To 15 decimals, so that the cosine of 90 degrees is 0.
    cos = tf.round(tf.cos(radians) * 1e15) / 1e15
    sin = tf.round(tf.sin(radians) * 1e15) / 1e15
    x, y = width / 2, height / 2
    column = cos * -x + sin * -y + x
    row = -sin * -x + cos * -y + y
    return tf.stack([cos, sin, column, -sin, cos, row], axis=1)
