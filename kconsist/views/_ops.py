"""The color operations of AutoAugment on a batch, one parameter per image.

On uint8 images each function returns, pixel for pixel, what Pillow returns for
the single images (`ImageOps` and `ImageEnhance`). AutoAugment, UDA and FixMatch
ran those. As in Pillow, enhancements are computed in float32 and truncated, and
look-up tables are computed in float64.

Images are uint8 tensors (batch, height, width, channels) with 1 or 3 channels;
parameters are tensors (batch,) or scalars. Results have the shape of the
images. Operations with one parameter per channel run on rows, (batch, height,
width * channels): TensorFlow is several times slower where it broadcasts along
an axis of size 1 or 3.

Reference: AutoAugment, Cubuk et al. 2019 (https://arxiv.org/abs/1805.09501);
Pillow (https://pillow.readthedocs.io).
"""

import tensorflow as tf


def autocontrast(images):
    """Stretches the values of each channel to the range 0 to 255."""
    low = tf.cast(tf.reduce_min(images, axis=(1, 2)), tf.float64)
    high = tf.cast(tf.reduce_max(images, axis=(1, 2)), tf.float64)
    scale = 255.0 / tf.maximum(high - low, 1.0)
    scale = tf.where(high > low, scale, tf.ones_like(scale))
    offset = tf.where(high > low, low * scale, tf.zeros_like(low))
    values = tf.cast(to_rows(images), tf.float64)
    stretched = values * per_column(scale, images)
    stretched -= per_column(offset, images)
    # No value is outside the range by more than a rounding error.
    return from_rows(tf.cast(stretched, tf.uint8), images)


def equalize(images):
    """Equalizes the histogram of each channel by a look-up table."""
    channels = tf.shape(images)[0], images.shape[-1]
    # Each channel of each image has 256 bins of its own.
    start = 256 * tf.reshape(tf.range(tf.reduce_prod(channels)), channels)
    values = tf.cast(to_rows(images), tf.int32) + per_column(start, images)
    counts = histogram(values, 256 * tf.reduce_prod(channels))
    counts = tf.reshape(counts, (*channels, 256))
    below = tf.cumsum(counts, axis=-1, exclusive=True)
    # The number of pixels below the brightest value present, over 255.
    step = tf.reduce_max(tf.where(counts > 0, below, 0), -1, keepdims=True)
    step //= 255
    table = (step // 2 + below) // tf.maximum(step, 1)
    table = tf.where(step > 0, tf.minimum(table, 255), tf.range(256))
    table = tf.reshape(tf.cast(table, tf.uint8), (-1,))
    return from_rows(tf.gather_nd(table, values[..., None]), images)


def invert(images):
    """Returns 255 minus the images."""
    return 255 - images


def posterize(images, bits):
    """Keeps the highest `bits` (int, 0 to 8) bits of every value."""
    mask = tf.bitwise.left_shift(255, 8 - tf.cast(bits, tf.int32))
    mask = tf.cast(tf.bitwise.bitwise_and(mask, 255), tf.uint8)
    return tf.bitwise.bitwise_and(images, per_image(mask))


def solarize(images, threshold):
    """Inverts values of `threshold` (int, 0 to 256) or more."""
    threshold = tf.cast(threshold, tf.int32)
    # 256 does not fit into uint8: it inverts nothing.
    inverse = 255 * tf.cast(threshold < 256, tf.uint8)
    limit = tf.cast(tf.minimum(threshold, 255), tf.uint8)
    above = tf.cast(images >= per_image(limit), tf.uint8)
    # The exclusive or with 255 is 255 minus the value.
    return tf.bitwise.bitwise_xor(images, above * per_image(inverse))


def solarize_add(images, addition):
    """Adds `addition` (int, 0 to 255) to values below 128."""
    below = 255 * tf.cast(images < 128, tf.uint8)
    room = tf.bitwise.bitwise_and(255 - images, below)
    return images + tf.minimum(room, per_image(tf.cast(addition, tf.uint8)))


def brightness(images, factor):
    """Interpolates from black (`factor` 0) to the image (1) and beyond."""
    factor = per_image(tf.cast(factor, tf.float32))
    return tf.saturate_cast(factor * tf.cast(images, tf.float32), tf.uint8)


def contrast(images, factor):
    """Interpolates from mean gray (`factor` 0) to the image (1) and beyond."""
    gray = tf.cast(luma(images), tf.int64)  # Exact for images of any size.
    total = tf.reduce_sum(gray, axis=(1, 2), keepdims=True)
    count = tf.cast(tf.reduce_prod(tf.shape(images)[1:3]), tf.int64)
    mean = (2 * total + count) // (2 * count)
    return blend(tf.cast(mean, tf.float32), images, factor)


def color(images, factor):
    """Interpolates from grayscale (`factor` 0) to the image (1) and beyond.

    Images of one channel are returned unchanged.
    """
    if images.shape[-1] == 1:
        return images
    gray = tf.tile(luma(images), (1, 1, 1, 3))
    return blend(gray, images, factor)


def grayscale(images):
    """Returns RGB images in grayscale, as three equal channels."""
    return tf.tile(tf.cast(luma(images), tf.uint8), (1, 1, 1, 3))


def sharpness(images, factor):
    """Interpolates from a smoothed image (`factor` 0) to the image (1).

    Factors above 1 sharpen. Smoothing is a 3x3 mean in which the center has
    weight 5; pixels at the border are not smoothed.
    """
    channels = images.shape[-1]
    rows = to_rows(images)
    # Sums of at most 13 · 255, exact in 16 bits.
    values = tf.cast(rows, tf.int16)
    total = values[:, :-2] + values[:, 1:-1] + values[:, 2:]
    total = (
        total[:, :, : -2 * channels]
        + total[:, :, channels:-channels]
        + total[:, :, 2 * channels :]
    )
    total += 4 * values[:, 1:-1, channels:-channels]
    # The mean is never close to half an integer.
    smooth = tf.round(tf.cast(total, tf.float32) * (1 / 13))
    middle = rows[:, 1:-1]
    left, inner, right = (
        middle[:, :, :channels],
        middle[:, :, channels:-channels],
        middle[:, :, -channels:],
    )
    inner = blend(smooth, inner, factor)
    middle = tf.concat([left, inner, right], axis=2)
    rows = tf.concat([rows[:, :1], middle, rows[:, -1:]], axis=1)
    return from_rows(rows, images)


def blend(base, images, factor):
    """Returns `base + factor * (images - base)` as uint8, truncated.

    Args:
        base: float32 tensor of integer values that broadcasts to the images.
        images: uint8 tensor (batch, height, width, channels), or the rows of
            `to_rows`.
        factor: float tensor (batch,) or scalar, at least 0.

    Returns:
        A uint8 tensor of the shape of `images`.
    """
    factor = per_image(tf.cast(factor, tf.float32), images.shape.rank)
    blended = base + factor * (tf.cast(images, tf.float32) - base)
    return tf.saturate_cast(blended, tf.uint8)


def luma(images):
    """Returns the luma of images, float32 (batch, height, width, 1)."""
    if images.shape[-1] == 1:
        return tf.cast(images, tf.float32)
    # Pillow's weights, in units of 1 / 65536. All sums are exact.
    weights = (19595 / 65536, 38470 / 65536, 7471 / 65536)
    red, green, blue = (
        tf.cast(images[..., channel : channel + 1], tf.float32) * weight
        for channel, weight in enumerate(weights)
    )
    return tf.floor(red + green + blue + 0.5)


def histogram(values, size):
    """Returns the counts of the values 0 to size - 1, int32 (size,)."""
    return tf.raw_ops.DenseBincount(
        input=tf.reshape(values, (-1,)),
        size=size,
        weights=tf.zeros((0,), tf.int32),
        binary_output=False,
    )


def to_rows(images):
    """Reshapes images to (batch, height, width * channels)."""
    batch, height, width, channels = tf.unstack(tf.shape(images))
    return tf.reshape(images, (batch, height, width * channels))


def from_rows(values, images):
    """Reshapes the values of `to_rows` to the shape of `images`."""
    values = tf.reshape(values, tf.shape(images))
    return tf.ensure_shape(values, images.shape)


def per_column(parameter, images):
    """Returns a parameter per channel in the layout of `to_rows`.

    Args:
        parameter: tensor (batch, channels).
        images: tensor (batch, height, width, channels).

    Returns:
        A tensor (batch, 1, width * channels).
    """
    return tf.tile(parameter, (1, tf.shape(images)[2]))[:, None]


def per_image(parameter, rank=4):
    """Reshapes a parameter (batch,) to (batch, 1, ...); keeps a scalar."""
    if parameter.shape.rank == 0:
        return parameter
    return tf.reshape(parameter, (-1, *(1,) * (rank - 1)))


def fill_where(images, mask, value):
    """Returns images with some values replaced by `value`.

    Args:
        images: uint8 tensor.
        mask: uint8 tensor that broadcasts to the images, 255 where to replace,
            else 0.
        value: int in [0, 255].

    Returns:
        A uint8 tensor of the shape of `images`.
    """
    # Bitwise: tf.where with a scalar is several times slower.
    change = tf.bitwise.bitwise_xor(images, tf.cast(value, tf.uint8))
    change = tf.bitwise.bitwise_and(change, mask)
    return tf.bitwise.bitwise_xor(images, change)
