"""The function that implements each corruption."""

import functools
from collections.abc import Callable

from kconsist.robustness.corruptions import (
    _blur,
    _digital,
    _noise,
    _weather,
)
from kconsist.robustness.corruptions._spatter import spatter

# Functions of (images, *constants).
DETERMINISTIC: dict[str, Callable] = {
    "brightness": _weather.brightness,
    "contrast": _digital.contrast,
    "defocus_blur": _blur.defocus_blur,
    "gaussian_blur": _blur.gaussian_blur,
    "jpeg_compression": _digital.jpeg_compression,
    "pixelate": _digital.pixelate,
    "saturate": _digital.saturate,
    "zoom_blur": _blur.zoom_blur,
}

# Functions of (images, rng, *constants).
RANDOM: dict[str, Callable] = {
    "elastic_transform": _digital.elastic_transform,
    "fog": _weather.fog,
    "frost": _weather.frost,
    "gaussian_noise": _noise.gaussian_noise,
    "glass_blur": _blur.glass_blur,
    "impulse_noise": _noise.impulse_noise,
    "motion_blur": _blur.motion_blur,
    "shot_noise": _noise.shot_noise,
    "snow": _weather.snow,
    "spatter": spatter,
    "speckle_noise": _noise.speckle_noise,
}


def get_operation(name, frost_dir=None):
    """Returns a corruption as a function of (images, rng, *constants)."""
    if name == "frost":
        return functools.partial(RANDOM[name], frost_dir=frost_dir)
    if name in RANDOM:
        return RANDOM[name]
    return lambda images, _, *constants: DETERMINISTIC[name](images, *constants)
