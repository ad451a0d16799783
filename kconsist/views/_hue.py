"""Hue adjustment of a batch, with one shift per image."""

import tensorflow as tf


def adjust_hue(images, shifts):
    """Returns images with their hue shifted.

    Args:
        images: uint8 tensor (batch, height, width, channels).
        shifts: float32 tensor (batch,), in turns of the color wheel.

    Returns:
        A uint8 tensor of the shape of `images`, rounded. Images of one channel
        are returned unchanged.
    """
    if images.shape[-1] == 1:
        return images
    hsv = tf.image.rgb_to_hsv(tf.cast(images, tf.float32) / 255)
    hue, saturation_and_value = hsv[..., :1], hsv[..., 1:]
    hue = tf.math.floormod(hue + shifts[:, None, None, None], 1.0)
    hsv = tf.concat([hue, saturation_and_value], axis=-1)
    rgb = tf.image.hsv_to_rgb(hsv)
    return tf.saturate_cast(tf.round(rgb * 255), tf.uint8)
