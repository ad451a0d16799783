"""Gaussian blur of batches, a standard deviation for each image."""

import tensorflow as tf


def gaussian_blur(images, sigmas):
    """Blurs each image, which is mirrored at its border.

    The window is a tenth of the shorter side in pixels, made odd, and at least
    3: SimCLR's.

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
            "blur needs images of a size that is known when the pipeline is "
            f"made, got shape {images.shape}; set size"
        )
    radius = max(min(height, width) // 20, 1)
    distance = tf.range(-radius, radius + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * (distance / sigmas[:, None]) ** 2)
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
    weights = tf.unstack(weights[:, None, None, None], axis=-1)
    # Not tf.pad, which refuses a batch of no images.
    values = tf.cast(images, tf.float32)
    values = tf.gather(values, mirrored(height, radius), axis=1)
    values = tf.gather(values, mirrored(width, radius), axis=2)
    values = sum(
        weight * values[:, start : start + height]
        for start, weight in enumerate(weights)
    )
    values = sum(
        weight * values[:, :, start : start + width]
        for start, weight in enumerate(weights)
    )
    return tf.saturate_cast(tf.round(values), tf.uint8)


def mirrored(side, radius):
    """Returns positions in [0, side) for -radius to side + radius - 1."""
    positions = tf.abs(tf.range(-radius, side + radius))
    return (side - 1) - tf.abs(side - 1 - positions)
