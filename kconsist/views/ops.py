"""The operations of AutoAugment on batches, a parameter for each image.

On uint8 images every function gives, pixel for pixel, what Pillow gives for
each image on its own (`ImageOps`, `ImageEnhance`, and `Image.rotate` and
`Image.transform` with their default NEAREST), which is what AutoAugment, UDA
and FixMatch ran. Enhancements are in float32 and truncated, look-up tables in
float64, and geometry in 16-bit fixed point, as there.

Images are uint8 tensors (batch, height, width, channels) with 1 or 3 channels;
parameters are tensors (batch,) or scalars. Results have the shape of the
images.

Reference: AutoAugment, Cubuk et al. 2019 (https://arxiv.org/abs/1805.09501);
Pillow (https://pillow.readthedocs.io).
"""

import math

import tensorflow as tf


def autocontrast(images):
    """Stretches each channel so that its values reach from 0 to 255."""
    low = tf.cast(tf.reduce_min(images, axis=(1, 2)), tf.float64)[..., None]
    high = tf.cast(tf.reduce_max(images, axis=(1, 2)), tf.float64)[..., None]
    levels = tf.range(256, dtype=tf.float64)
    scale = 255.0 / tf.maximum(high - low, 1.0)
    stretched = tf.clip_by_value(levels * scale - low * scale, 0.0, 255.0)
    return look_up(images, tf.where(high > low, stretched, levels))


def equalize(images):
    """Makes the histogram of each channel as flat as a table can."""
    counts = histogram(images)
    below = tf.cumsum(counts, axis=-1, exclusive=True)
    # All pixels but those of the brightest value present, over 255.
    step = tf.reduce_max(tf.where(counts > 0, below, 0), -1, keepdims=True)
    step //= 255
    table = (step // 2 + below) // tf.maximum(step, 1)
    table = tf.where(step > 0, tf.minimum(table, 255), tf.range(256))
    return look_up(images, table)


def invert(images):
    """Returns 255 minus the images."""
    return 255 - images


def posterize(images, bits):
    """Keeps the upper `bits` (int, 0 to 8) bits of every value."""
    mask = tf.bitwise.left_shift(255, 8 - tf.cast(bits, tf.int32))
    mask = tf.cast(tf.bitwise.bitwise_and(mask, 255), tf.uint8)
    return tf.bitwise.bitwise_and(images, per_image(mask))


def solarize(images, threshold):
    """Inverts the values of at least `threshold` (int, 0 to 256)."""
    # In uint8, 256 would be 0; "above the one below" is the same and fits.
    limit = per_image(tf.cast(threshold, tf.int32))
    above = (images > tf.cast(tf.maximum(limit - 1, 0), tf.uint8)) | (limit < 1)
    return tf.where(above, 255 - images, images)


def solarize_add(images, addition):
    """Adds `addition` (int, 0 to 255) to the values below 128."""
    room = 255 - images
    added = images + tf.minimum(room, per_image(tf.cast(addition, tf.uint8)))
    return tf.where(images < 128, added, images)


def brightness(images, factor):
    """Blends black (`factor` 0) with the images (1), or past them (> 1)."""
    return blend(tf.zeros((), tf.float32), images, factor)


def contrast(images, factor):
    """Blends the mean grey (`factor` 0) of each image with it, or past it."""
    grey = tf.cast(luma(images), tf.int64)
    total = tf.reduce_sum(grey, axis=(1, 2), keepdims=True)
    count = tf.cast(tf.reduce_prod(tf.shape(images)[1:3]), tf.int64)
    mean = (2 * total + count) // (2 * count)
    return blend(tf.cast(mean, tf.float32), images, factor)


def color(images, factor):
    """Blends the grey version (`factor` 0) of each image with it.

    Images of one channel come back as they are.
    """
    if images.shape[-1] == 1:
        return images
    return blend(tf.cast(luma(images), tf.float32), images, factor)


def sharpness(images, factor):
    """Blends a smoothed version (`factor` 0) of each image with it.

    The smoothed version is a 3x3 mean with weight 5 for the centre; the pixels
    at the border are not smoothed.
    """
    values = tf.cast(images, tf.int32)
    rows = values[:, :-2] + values[:, 1:-1] + values[:, 2:]
    total = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    total += 4 * values[:, 1:-1, 1:-1]
    # Rounds total / 13, which is never halfway between two integers.
    inner = (2 * total + 13) // 26
    middle = values[:, 1:-1]
    middle = tf.concat([middle[:, :, :1], inner, middle[:, :, -1:]], axis=2)
    smooth = tf.concat([values[:, :1], middle, values[:, -1:]], axis=1)
    return blend(tf.cast(smooth, tf.float32), images, factor)


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
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = (tf.range(batch)[:, None, None] * height + row) * width + column
    pixels = tf.reshape(images, (-1, images.shape[-1]))
    result = tf.gather(pixels, tf.where(inside, index, 0))
    black = tf.zeros((), tf.uint8)
    return tf.ensure_shape(
        tf.where(inside[..., None], result, black), images.shape
    )


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


def blend(base, images, factor):
    """Returns `base + factor * (images - base)` as uint8, truncated.

    Args:
        base: float32 tensor that broadcasts to the images, integer values.
        images: uint8 tensor (batch, height, width, channels).
        factor: float tensor (batch,) or scalar, at least 0.

    Returns:
        A uint8 tensor of the shape of `images`.
    """
    factor = per_image(tf.cast(factor, tf.float32))
    blended = base + factor * (tf.cast(images, tf.float32) - base)
    return tf.saturate_cast(blended, tf.uint8)


def luma(images):
    """Returns the grey version (batch, height, width, 1), int32."""
    values = tf.cast(images, tf.int32)
    if images.shape[-1] == 1:
        return values
    red, green, blue = tf.split(values, 3, axis=-1)
    grey = red * 19595 + green * 38470 + blue * 7471 + 32768
    return tf.bitwise.right_shift(grey, 16)


def histogram(images):
    """Returns how often each value occurs, int32 (batch, channels, 256)."""
    batch, height, width, channels = tf.unstack(tf.shape(images))
    values = tf.transpose(tf.cast(images, tf.int32), (0, 3, 1, 2))
    counts = tf.raw_ops.DenseBincount(
        input=tf.reshape(values, (batch * channels, height * width)),
        size=256,
        weights=tf.zeros((0,), tf.int32),
        binary_output=False,
    )
    return tf.reshape(counts, (batch, channels, 256))


def look_up(images, table):
    """Replaces values by those of a table for each image and channel.

    Args:
        images: uint8 tensor (batch, height, width, channels).
        table: tensor (batch, channels, 256) of values in [0, 256).

    Returns:
        A uint8 tensor of the shape of `images`.
    """
    batch, _, _, channels = tf.unstack(tf.shape(images))
    start = tf.reshape(
        256 * tf.range(batch * channels), (batch, 1, 1, channels)
    )
    table = tf.reshape(tf.cast(table, tf.uint8), (-1,))
    return tf.gather(table, tf.cast(images, tf.int32) + start)


def per_image(parameter):
    """Returns a parameter (batch,) as (batch, 1, 1, 1), a scalar as it is."""
    if parameter.shape.rank == 0:
        return parameter
    return parameter[:, None, None, None]
