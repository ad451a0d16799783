"""The function of each corruption."""

import functools

from kconsist.robustness.corruptions import blur, digital, noise, weather
from kconsist.robustness.corruptions.spatter import spatter

# Functions of (images, *constants): nothing is drawn.
FIXED = {
    "brightness": weather.brightness,
    "contrast": digital.contrast,
    "defocus_blur": blur.defocus_blur,
    "gaussian_blur": blur.gaussian_blur,
    "jpeg_compression": digital.jpeg_compression,
    "pixelate": digital.pixelate,
    "saturate": digital.saturate,
    "zoom_blur": blur.zoom_blur,
}

# Functions of (images, draws, *constants).
RANDOM = {
    "elastic_transform": digital.elastic_transform,
    "fog": weather.fog,
    "frost": weather.frost,
    "gaussian_noise": noise.gaussian_noise,
    "glass_blur": blur.glass_blur,
    "impulse_noise": noise.impulse_noise,
    "motion_blur": blur.motion_blur,
    "shot_noise": noise.shot_noise,
    "snow": weather.snow,
    "spatter": spatter,
    "speckle_noise": noise.speckle_noise,
}


def find(name, frost_dir=None):
    """Returns a corruption as a function of (images, draws, *constants)."""
    if name == "frost":
        return functools.partial(RANDOM[name], frost_dir=frost_dir)
    if name in RANDOM:
        return RANDOM[name]
    return lambda images, draws, *constants: FIXED[name](images, *constants)
