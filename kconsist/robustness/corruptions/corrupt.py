"""Applies a corruption, given by its name, at a severity.

Reference: Hendrycks & Dietterich 2019 (https://arxiv.org/abs/1903.12261).
"""

import difflib
import os

import numpy as np

from kconsist import _checks
from kconsist._requirements import check_installed
from kconsist.robustness.corruptions._image_rng import ImageRNG
from kconsist.robustness.corruptions._pixels import gray
from kconsist.robustness.corruptions.frost_textures import check_folder
from kconsist.robustness.corruptions.names import (
    CORRUPTIONS,
    GROUPS,
    SEVERITIES,
)
from kconsist.robustness.corruptions.presets import PRESETS

MIN_SIDE = 8
# Values processed at a time: more do not fit into the cache, and with fewer the
# overhead of NumPy's calls dominates.
_CHUNK_SIZE = 64 * 32 * 32 * 3


def corrupt(
    images,
    name: str,
    severity: int,
    seed: int = 0,
    preset: str = "cifar",
    frost_dir: str | os.PathLike | None = None,
    start: int | np.ndarray = 0,
) -> np.ndarray:
    """Applies one corruption of the benchmark to images.

    Each image of the data set has its own random generator, seeded with (seed,
    name, severity, index) only. The result for an image therefore does not
    depend on which other images are corrupted, in which order or in which
    batches: `corrupt(images[a:b], ..., start=a)` equals
    `corrupt(images, ...)[a:b]`.

    The images are regenerated: their noise follows the same distribution as
    the published images, but has other values, because the published ones were
    sampled without a seed. The deterministic corruptions (defocus_blur,
    gaussian_blur, brightness, saturate, contrast, pixelate) equal the published
    code's; zoom_blur differs by at most one level, and jpeg_compression depends
    on the JPEG library of the installed Pillow. `frost` requires photographs
    that this package cannot distribute; `frost_source` describes what it uses
    instead.

    Corrupt images at the size that the preset is made for, before any resize:
    the constants are in pixels and are not adapted to other sizes.

    Args:
        images: uint8 array (count, height, width, channels) with 3 channels
            (RGB) or 1, and sides of 8 or more. Noise is added to gray images
            directly; the other corruptions repeat the channel three times and
            return the luma of the result (0.299, 0.587, 0.114).
        name: str, one of `CORRUPTIONS`.
        severity: int, 1 to 5.
        seed: int, 0 or more. Defaults to `0`.
        preset: str, the set of constants: `"cifar"` (CIFAR-10-C and
            CIFAR-100-C, for sides of up to 48), `"tiny_imagenet"` (64) or
            `"imagenet"` (224; for sides of 128 and more). Defaults to
            `"cifar"`.
        frost_dir: folder with the published frost photographs (frost1.png,
            frost2.png, frost3.png, frost4.jpg, frost5.jpg), or `None` for a
            procedural frost of the same brightness. Defaults to `None`.
        start: int, the index in the data set of the first image, or an int
            array (count,) with the index of each image. Defaults to `0`.

    Returns:
        A new uint8 array of the shape of `images`.

    Raises:
        ValueError: images of another dtype or shape, or an argument out of
            range.
        ImportError: SciPy or Pillow is not installed.
        FileNotFoundError: `frost_dir` lacks a photograph.

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
    images = _validate_images(images)
    _check_name(name)
    if _checks.as_integer("severity", severity) > SEVERITIES[-1]:
        raise ValueError(f"severity must be from 1 to 5, got {severity}")
    seed = _checks.as_integer("seed", seed, minimum=0)
    indices = _indices(start, len(images))
    _checks.one_of("preset", preset, tuple(PRESETS))
    if frost_dir is not None:
        check_folder(frost_dir)
    for module in ("scipy", "PIL"):
        check_installed(module, "corrupt()")
    from kconsist.robustness.corruptions._operations import get_operation

    operation = get_operation(name, frost_dir)
    constants = PRESETS[preset][name][severity - 1]
    repeat = images.shape[-1] == 1 and name not in GROUPS["noise"]
    results = np.empty_like(images)
    size = max(1, _CHUNK_SIZE // images[:1].size) if len(images) else 1
    for first in range(0, len(images), size):
        chunk = images[first : first + size]
        rng = ImageRNG(seed, name, severity, indices[first : first + size])
        if repeat:
            chunk = np.repeat(chunk, 3, axis=-1)
        chunk = operation(chunk, rng, *constants)
        results[first : first + size] = gray(chunk) if repeat else chunk
    return results


def _validate_images(images):
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
    if min(images.shape[1:3]) < MIN_SIDE:
        raise ValueError(
            f"images must have sides of {MIN_SIDE} or more, got "
            f"{images.shape[1]} x {images.shape[2]}"
        )
    return images


def _indices(start, count):
    if np.ndim(start) == 0:
        first = _checks.as_integer("start", start, minimum=0)
        start = np.arange(first, first + count)
    indices = np.asarray(start)
    if indices.shape != (count,) or not np.issubdtype(
        indices.dtype, np.integer
    ):
        raise ValueError(
            f"start must be an int, or {count} ints for {count} images, got "
            f"{indices.dtype} of shape {indices.shape}"
        )
    for index in (indices.min(), indices.max()) if count else ():
        if not 0 <= index < 2**32:
            raise ValueError(
                f"start must be from 0 to 2**32 - 1 for each image, got {index}"
            )
    return indices


def _check_name(name):
    if name in CORRUPTIONS:
        return
    near = difflib.get_close_matches(str(name), CORRUPTIONS, n=1, cutoff=0.3)
    hint = f": did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"name must be one of {CORRUPTIONS}, got {name!r}{hint}")
