"""The color operations of AutoAugment on batches, a parameter for each image.

On uint8 images every function gives, pixel for pixel, what Pillow gives for
each image on its own (`ImageOps` and `ImageEnhance`), which is what
AutoAugment, UDA and FixMatch ran. Enhancements are in float32 and truncated,
and look-up tables are in float64, as there.

Images are uint8 tensors (batch, height, width, channels) with 1 or 3 channels;
parameters are tensors (batch,) or scalars. Results have the shape of the
images. What differs by channel is computed on rows, (batch, height, width *
channels): TensorFlow is several times slower where it broadcasts along an axis
of 1 or 3.

Reference: AutoAugment, Cubuk et al. 2019 (https://arxiv.org/abs/1805.09501);
Pillow (https://pillow.readthedocs.io).
"""

import tensorflow as tf


def autocontrast(images):
    """Stretches each channel so that its values reach from 0 to 255."""
    low = tf.cast(tf.reduce_min(images, axis=(1, 2)), tf.float64)
    high = tf.cast(tf.reduce_max(images, axis=(1, 2)), tf.float64)
    scale = 255.0 / tf.maximum(high - low, 1.0)
    scale = tf.where(high > low, scale, tf.ones_like(scale))
    offset = tf.where(high > low, low * scale, tf.zeros_like(low))
    values = tf.cast(rows(images), tf.float64)
    stretched = values * per_column(scale, images)
    stretched -= per_column(offset, images)
    return unrow(tf.saturate_cast(stretched, tf.uint8), images)


def equalize(images):
    """Makes the histogram of each channel as flat as a table can."""
    batch, _, _, channels = tf.unstack(tf.shape(images))
    # Each channel has 256 values of its own: channel and value in one number.
    channel = per_column(256 * tf.range(channels)[None], images)
    values = tf.cast(rows(images), tf.int32) + channel
    counts = histogram(values, 256 * channels)
    counts = tf.reshape(counts, (batch, channels, 256))
    below = tf.cumsum(counts, axis=-1, exclusive=True)
    # All pixels but those of the brightest value present, over 255.
    step = tf.reduce_max(tf.where(counts > 0, below, 0), -1, keepdims=True)
    step //= 255
    table = (step // 2 + below) // tf.maximum(step, 1)
    table = tf.where(step > 0, tf.minimum(table, 255), tf.range(256))
    table = tf.reshape(tf.cast(table, tf.uint8), (-1,))
    start = (256 * channels * tf.range(batch))[:, None, None]
    return unrow(tf.gather(table, values + start), images)


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
    threshold = tf.cast(threshold, tf.int32)
    some = 255 * tf.cast(threshold < 256, tf.uint8)
    limit = tf.cast(tf.minimum(threshold, 255), tf.uint8)
    above = tf.cast(images >= per_image(limit), tf.uint8) * per_image(some)
    # Where `above` is 255, the exclusive or is 255 minus the value.
    return tf.bitwise.bitwise_xor(images, above)


def solarize_add(images, addition):
    """Adds `addition` (int, 0 to 255) to the values below 128."""
    below = 255 * tf.cast(images < 128, tf.uint8)
    room = tf.bitwise.bitwise_and(255 - images, below)
    return images + tf.minimum(room, per_image(tf.cast(addition, tf.uint8)))


def brightness(images, factor):
    """Blends black (`factor` 0) with the images (1), or past them (> 1)."""
    factor = per_image(tf.cast(factor, tf.float32))
    return tf.saturate_cast(factor * tf.cast(images, tf.float32), tf.uint8)


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
    grey = tf.cast(luma(images), tf.float32)
    return blend(tf.broadcast_to(grey, tf.shape(images)), images, factor)


def grayscale(images):
    """Returns the grey version of RGB images, in three equal channels."""
    grey = tf.cast(luma(images), tf.uint8)
    return tf.broadcast_to(grey, tf.shape(images))


def sharpness(images, factor):
    """Blends a smoothed version (`factor` 0) of each image with it.

    The smoothed version is a 3x3 mean with weight 5 for the centre; the pixels
    at the border are not smoothed.
    """
    values = tf.cast(images, tf.float32)
    total = values[:, :-2] + values[:, 1:-1] + values[:, 2:]
    total = total[:, :, :-2] + total[:, :, 1:-1] + total[:, :, 2:]
    total += 4 * values[:, 1:-1, 1:-1]
    # Rounds total / 13, which is never near the half of two integers.
    smooth = tf.floor(total * (1 / 13) + 0.5)
    inner = blend(smooth, images[:, 1:-1, 1:-1], factor)
    middle = images[:, 1:-1]
    middle = tf.concat([middle[:, :, :1], inner, middle[:, :, -1:]], axis=2)
    return tf.concat([images[:, :1], middle, images[:, -1:]], axis=1)


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


def histogram(values, size):
    """Returns how often each of `size` values occurs, int32 (batch, size)."""
    return tf.raw_ops.DenseBincount(
        input=tf.reshape(values, (tf.shape(values)[0], -1)),
        size=size,
        weights=tf.zeros((0,), tf.int32),
        binary_output=False,
    )


def rows(images):
    """Returns images as (batch, height, width * channels)."""
    batch, height, width, channels = tf.unstack(tf.shape(images))
    return tf.reshape(images, (batch, height, width * channels))


def unrow(values, images):
    """Returns what `rows` gave in the shape of `images` again."""
    values = tf.reshape(values, tf.shape(images))
    return tf.ensure_shape(values, images.shape)


def per_column(parameter, images):
    """Returns a parameter (batch, channels) to go with `rows`.

    Its shape is (batch, 1, width * channels), each channel at its columns.
    """
    return tf.tile(parameter, (1, tf.shape(images)[2]))[:, None]


def per_image(parameter):
    """Returns a parameter (batch,) as (batch, 1, 1, 1), a scalar as it is."""
    if parameter.shape.rank == 0:
        return parameter
    return parameter[:, None, None, None]
