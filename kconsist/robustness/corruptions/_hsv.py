"""Conversions between RGB and hue, saturation, value."""

import numpy as np


def from_rgb(values):
    """Returns hue, saturation and value in [0, 1], each (...,).

    Where the channels are equal, hue and saturation are 0.

    Args:
        values: float array (..., 3) in [0, 1].
    """
    red, green, blue = np.moveaxis(values, -1, 0)
    value = np.maximum(np.maximum(red, green), blue)
    spread = value - np.minimum(np.minimum(red, green), blue)
    with np.errstate(divide="ignore", invalid="ignore"):
        # If several channels are largest, the last one sets the sector.
        hue = np.where(
            blue == value,
            4 + (red - green) / spread,
            np.where(
                green == value,
                2 + (blue - red) / spread,
                (green - blue) / spread,
            ),
        )
        saturation = spread / value
    hue = (hue / 6) % 1
    is_gray = spread == 0
    hue[is_gray] = 0
    saturation[is_gray] = 0
    return hue, saturation, value


def to_rgb(hue, saturation, value):
    """Returns RGB values, float (..., 3), of hue, saturation and value."""
    sixth = np.floor(hue * 6)
    fraction = hue * 6 - sixth
    low = value * (1 - saturation)
    falling = value * (1 - fraction * saturation)
    rising = value * (1 - (1 - fraction) * saturation)
    sector = sixth.astype(np.uint8) % 6
    channels = (
        (value, falling, low, low, rising, value),
        (rising, value, value, falling, low, low),
        (low, low, rising, value, value, falling),
    )
    return np.stack([np.choose(sector, c) for c in channels], axis=-1)
