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
    hue, saturation, value = hue_saturation_value(images)
    hue += shifts[:, None, None]
    hsv = tf.stack([hue - tf.floor(hue), saturation, value], axis=-1)
    return tf.saturate_cast(tf.round(tf.image.hsv_to_rgb(hsv)), tf.uint8)


def hue_saturation_value(images):
    """Returns hue, saturation and value of RGB images.

    `tf.image.rgb_to_hsv` takes twice as long as these operations on planes.

    Args:
        images: uint8 tensor (batch, height, width, 3).

    Returns:
        Three float32 tensors (batch, height, width): the hue in turns, in
        [-1/6, 5/6]; the saturation in [0, 1]; the value in [0, 255].
    """
    red, green, blue = (
        tf.cast(images[..., channel], tf.float32) for channel in range(3)
    )
    value = tf.maximum(tf.maximum(red, green), blue)
    chroma = value - tf.minimum(tf.minimum(red, green), blue)
    is_red, is_green = value == red, value == green
    difference = tf.where(
        is_red, green - blue, tf.where(is_green, blue - red, red - green)
    )
    # 0 where red is the largest, 1 where green is, else 2.
    third = 2 - tf.cast(is_green, tf.float32)
    third *= tf.cast(~is_red, tf.float32)
    hue = tf.math.divide_no_nan(difference, 6 * chroma) + third / 3
    return hue, tf.math.divide_no_nan(chroma, value), value
