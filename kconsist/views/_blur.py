"""Gaussian blur of a batch, with one standard deviation per image."""

import tensorflow as tf

from kconsist.views._geometry import reflect


def gaussian_blur(images, sigmas):
    """Returns blurred images, padded by reflection at the border.

    The kernel size is SimCLR's: a tenth of the shorter side in pixels, made
    odd, and at least 3.

    Args:
        images: uint8 tensor (batch, height, width, channels) of static height
            and width.
        sigmas: float32 tensor (batch,), standard deviations in pixels, > 0.

    Returns:
        A uint8 tensor of the shape of `images`, rounded.
    """
    height, width = images.shape[1:3]
    if height is None or width is None:
        raise ValueError(
            "blur requires images of static height and width, got shape "
            f"{images.shape}; set size"
        )
    radius = max(min(height, width) // 20, 1)
    distance = tf.range(-radius, radius + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * (distance / sigmas[:, None]) ** 2)
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
    weights = tf.unstack(weights[:, None, None, None], axis=-1)
    # Not tf.pad, which rejects an empty batch.
    values = tf.cast(images, tf.float32)
    for axis, size in ((1, height), (2, width)):
        positions = reflect(tf.range(-radius, size + radius), size)
        values = tf.gather(values, positions, axis=axis)
    values = sum(
        weight * values[:, start : start + height]
        for start, weight in enumerate(weights)
    )
    values = sum(
        weight * values[:, :, start : start + width]
        for start, weight in enumerate(weights)
    )
    return tf.saturate_cast(tf.round(values), tf.uint8)
