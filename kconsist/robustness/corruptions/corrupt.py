"""Corrupted images by the name of a corruption and a severity.

Reference: Hendrycks & Dietterich 2019 (https://arxiv.org/abs/1903.12261).
"""

import difflib

import numpy as np

from kconsist import _checks
from kconsist._requirements import check_installed
from kconsist.data.inputs import whole_number
from kconsist.robustness.corruptions.draws import Draws
from kconsist.robustness.corruptions.frost_textures import check_folder
from kconsist.robustness.corruptions.names import (
    CORRUPTIONS,
    GROUPS,
    SEVERITIES,
)
from kconsist.robustness.corruptions.pixels import gray
from kconsist.robustness.corruptions.presets import PRESETS

SMALLEST = 8
# Values worked on at a time: more of them spill out of the cache, with fewer
# the overhead of NumPy's calls counts.
_VALUES = 64 * 32 * 32 * 3


def corrupt(
    images,
    name: str,
    severity: int,
    seed: int = 0,
    preset: str = "cifar",
    frost_dir=None,
    start=0,
) -> np.ndarray:
    """Returns images under one corruption of the benchmark.

    Image number i of the data set draws from a generator of its own, which is
    a function of (seed, name, severity, i) alone. So the same images come out
    whatever else is corrupted, in whatever order and in whatever pieces:
    `corrupt(images[a:b], ..., start=a)` is `corrupt(images, ...)[a:b]`.

    These are regenerated images: their noise has the published images' law,
    not their values, which were drawn without a seed. Where nothing is drawn
    (defocus_blur, gaussian_blur, brightness, saturate, contrast, pixelate) they
    equal the published code's; zoom_blur is within one level of it, and
    jpeg_compression is that of the installed Pillow's library. `frost` needs
    photographs that are not ours to ship; `frost_source` says what it uses.

    Corrupt images at the size that the preset is made for, before any resize:
    the constants are in pixels and are not adapted to another size.

    Args:
        images: uint8 array (count, height, width, channels) with 3 channels
            (RGB) or 1, and sides of 8 or more. Gray images are noised as they
            are; for the other corruptions they are repeated into three
            channels, and the result's luma (0.299, 0.587, 0.114) is returned.
        name: str, one of `CORRUPTIONS`.
        severity: int, 1 to 5.
        seed: int, 0 or more. Defaults to `0`.
        preset: str, whose constants: `"cifar"` (CIFAR-10-C and CIFAR-100-C, for
            sides of up to 48), `"tiny_imagenet"` (64) or `"imagenet"` (224; for
            sides of 128 and more). Defaults to `"cifar"`.
        frost_dir: path of a folder with the published frost photographs
            (frost1.png, frost2.png, frost3.png, frost4.jpg, frost5.jpg), or
            `None`, a procedural frost of the same brightness. Defaults to
            `None`.
        start: int, the number in the data set of the first of `images`, or an
            int array (count,) of the numbers of all of them. Defaults to `0`.

    Returns:
        A new uint8 array of the shape of `images`.

    Raises:
        ValueError: for images of another form, or an argument out of range.
        ImportError: where SciPy or Pillow is not installed.
        FileNotFoundError: where `frost_dir` lacks a photograph.

    Example:
        ```python
        import numpy as np
        from kconsist.robustness.corruptions import corrupt

        images = np.full((4, 32, 32, 3), 128, "uint8")
        noisy = corrupt(images, "gaussian_noise", severity=3)
        part = corrupt(images[2:], "gaussian_noise", severity=3, start=2)
        print((part == noisy[2:]).all())  # True
        ```

    Reference: Hendrycks & Dietterich 2019 (https://arxiv.org/abs/1903.12261),
    and https://github.com/hendrycks/robustness for the constants.
    """
    images = _checked_images(images)
    _check_name(name)
    if whole_number("severity", severity) > SEVERITIES[-1]:
        raise ValueError(f"severity must be from 1 to 5, got {severity}")
    seed = whole_number("seed", seed, minimum=0)
    indices = _indices(start, len(images))
    _checks.one_of("preset", preset, tuple(PRESETS))
    if frost_dir is not None:
        check_folder(frost_dir)
    for module in ("scipy", "PIL"):
        check_installed(module, "corrupt()")
    from kconsist.robustness.corruptions import operations

    operation = operations.find(name, frost_dir)
    constants = PRESETS[preset][name][severity - 1]
    repeated = images.shape[-1] == 1 and name not in GROUPS["noise"]
    results = np.empty_like(images)
    piece = max(1, _VALUES // images[:1].size) if len(images) else 1
    for first in range(0, len(images), piece):
        part = images[first : first + piece]
        draws = Draws(seed, name, severity, indices[first : first + piece])
        if repeated:
            part = np.repeat(part, 3, axis=-1)
        part = operation(part, draws, *constants)
        results[first : first + piece] = gray(part) if repeated else part
    return results


def _checked_images(images):
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise ValueError(
            "images must be uint8 with values from 0 to 255, got "
            f"{images.dtype.name}"
        )
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "images must have shape (count, height, width, 1 or 3), got "
            f"{images.shape}"
        )
    if min(images.shape[1:3]) < SMALLEST:
        raise ValueError(
            f"images must have sides of {SMALLEST} or more, got "
            f"{images.shape[1]} x {images.shape[2]}"
        )
    return images


def _indices(start, count):
    if np.ndim(start) == 0:
        start = whole_number("start", start, minimum=0)
        return np.arange(start, start + count)
    indices = np.asarray(start)
    if indices.shape != (count,) or not np.issubdtype(
        indices.dtype, np.integer
    ):
        raise ValueError(
            f"start must be an int, or {count} ints for {count} images, got "
            f"{indices.dtype} of shape {indices.shape}"
        )
    if count and indices.min() < 0:
        raise ValueError(f"start must be 0 or more, got {indices.min()}")
    return indices


def _check_name(name):
    if name in CORRUPTIONS:
        return
    near = difflib.get_close_matches(str(name), CORRUPTIONS, n=1, cutoff=0.3)
    hint = f": did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"name must be one of {CORRUPTIONS}, got {name!r}{hint}")
