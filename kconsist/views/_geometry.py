"""Rotations, shears and translations of a batch, one parameter per image.

On uint8 images each function returns, pixel for pixel, what Pillow returns for
the single images (`Image.rotate` and `Image.transform` with their default,
NEAREST). AutoAugment, UDA and FixMatch ran those. As in Pillow, coefficients
are in 16-bit fixed point.

Images are uint8 tensors (batch, height, width, channels); parameters are
tensors (batch,) or scalars. Results have the shape of the images. Pixels that
come from outside the image are black.

Reference: AutoAugment, Cubuk et al. 2019 (https://arxiv.org/abs/1805.09501);
Pillow (https://pillow.readthedocs.io).
"""

import math

import tensorflow as tf


def rotate(images, degrees):
    """Rotates counter-clockwise about the center."""
    return affine(images, rotation(images, degrees))


def shear_x(images, shear):
    """Shears horizontally: row y reads `shear * y` pixels further right."""
    return affine(images, shear_and_shift(images, xy=shear))


def shear_y(images, shear):
    """Shears vertically: column x reads `shear * x` pixels further down."""
    return affine(images, shear_and_shift(images, yx=shear))


def translate_x(images, pixels):
    """Moves the images left by `pixels`."""
    return affine(images, shear_and_shift(images, x=pixels))


def translate_y(images, pixels):
    """Moves the images up by `pixels`."""
    return affine(images, shear_and_shift(images, y=pixels))


def affine(images, coefficients, fill=0):
    """Applies an affine map to each image, with nearest-pixel sampling.

    Args:
        images: uint8 tensor (batch, height, width, channels).
        coefficients: float64 tensor (batch, 6). With (a, b, c, d, e, f), the
            output at column x and row y is the input at
            (a x + b y + c, d x + e y + f); pixel centers are at .5.
        fill: uint8 tensor (batch,) or scalar, the value of pixels from outside
            the image. Defaults to `0`.

    Returns:
        A uint8 tensor of the shape of `images`.
    """
    batch, channels = tf.shape(images)[0], images.shape[-1]
    fill = tf.broadcast_to(tf.cast(fill, tf.uint8), (batch,))
    outside = tf.tile(fill[:, None], (1, channels))
    pixels = tf.concat([tf.reshape(images, (-1, channels)), outside], axis=0)
    result = gather_pixels(pixels, source_indices(images, coefficients))
    return tf.ensure_shape(result, images.shape)


def source_indices(images, coefficients):
    """Returns the index of the input pixel that each output pixel reads.

    Args:
        images: tensor (batch, height, width, channels).
        coefficients: float64 tensor (batch, 6), as in `affine`.

    Returns:
        An int32 tensor (batch, height, width) of pixel indices into the whole
        batch, flattened. Image i reads batch · height · width + i for pixels
        from outside.
    """
    batch, height, width = tf.unstack(tf.shape(images)[:3])
    a, b, c, d, e, f = tf.unstack(coefficients, axis=1)
    # Moves the origin to the center of the first pixel.
    coefficients = (a, b, c + a * 0.5 + b * 0.5, d, e, f + d * 0.5 + e * 0.5)
    fixed_point = tf.floor(tf.stack(coefficients) * 65536.0 + 0.5)
    fixed_point = tf.cast(fixed_point, tf.int32)[:, :, None, None]
    a, b, c, d, e, f = tf.unstack(fixed_point)
    x = tf.range(width)[None, None, :]
    y = tf.range(height)[None, :, None]
    column = tf.bitwise.right_shift(a * x + (b * y + c), 16)
    row = tf.bitwise.right_shift(d * x + (e * y + f), 16)
    inside = in_bounds(column, width) & in_bounds(row, height)
    number = tf.range(batch)[:, None, None]
    outside = batch * height * width + number
    index = row * width + (column + (number * (height * width) - outside))
    # Not tf.where, which is slower where it broadcasts.
    return tf.cast(inside, tf.int32) * index + outside


def in_bounds(position, size):
    """Returns whether 0 <= position < size, for int32 tensors."""
    # Read as unsigned, a negative position is a large one.
    unsigned = tf.bitcast(position, tf.uint32)
    return unsigned < tf.cast(size, tf.uint32)


def gather_pixels(pixels, indices):
    """Returns the pixels at the given indices.

    Args:
        pixels: uint8 tensor (pixels, channels).
        indices: int32 tensor (batch, height, width).

    Returns:
        A uint8 tensor (batch, height, width, channels).
    """
    # Not tf.gather, which is slower on slices of few bytes.
    return tf.gather_nd(pixels, indices[..., None])


def reflect(positions, size):
    """Returns positions reflected at the border into [0, size).

    Args:
        positions: int tensor of values in (-size, 2 size - 1).
        size: int, the length of the axis.

    Returns:
        An int tensor of the shape of `positions`; the border pixel itself is
        not repeated.
    """
    return (size - 1) - tf.abs(size - 1 - tf.abs(positions))


def shear_and_shift(images, xy=0.0, x=0.0, yx=0.0, y=0.0):
    """Returns the `affine` coefficients of a shear and a translation.

    Args:
        images: tensor (batch, height, width, channels).
        xy: tensor (batch,) or scalar, added to the column read, per row.
        x: tensor (batch,) or scalar, added to the column read.
        yx: tensor (batch,) or scalar, added to the row read, per column.
        y: tensor (batch,) or scalar, added to the row read.

    Returns:
        A float64 tensor (batch, 6).
    """
    batch = tf.shape(images)[:1]
    values = [tf.cast(v, tf.float64) for v in (1.0, xy, x, yx, 1.0, y)]
    return tf.stack([tf.broadcast_to(v, batch) for v in values], axis=1)


def rotation(images, degrees):
    """Returns the `affine` coefficients of a rotation about the center.

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
    # Rounded to 15 decimals, so that the cosine of 90 degrees is 0.
    cos = tf.round(tf.cos(radians) * 1e15) / 1e15
    sin = tf.round(tf.sin(radians) * 1e15) / 1e15
    x, y = width / 2, height / 2
    column = cos * -x + sin * -y + x
    row = -sin * -x + cos * -y + y
    return tf.stack([cos, sin, column, -sin, cos, row], axis=1)
