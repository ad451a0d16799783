"""Frost textures: the published photographs, or a procedural texture.

The published code uses five photographs of unstated origin, so they are not
part of this package. Without them a procedural texture takes their place: it
matches their mean brightness and contrast, not their appearance.
"""

import functools
import os
import pathlib

import numpy as np

# The first five of the six published files; the published code never samples
# the sixth. The second and the third are the same picture.
PHOTOGRAPHS = (
    "frost1.png",
    "frost2.png",
    "frost3.png",
    "frost4.jpg",
    "frost5.jpg",
)

_SIDE = 512
# In levels of 0 … 255. Chosen so that CIFAR-10 has the same brightness as with
# the photographs at each severity (158.7, 173.8, 178.5, 173.3, 170.0), and the
# same contrast at the fifth.
_MEAN, _DEVIATION = 168.0, 50.0
_TINT = np.array([0.95, 1.0, 1.05])


def frost_source(frost_dir: str | os.PathLike | None = None) -> str:
    """Describes which frost textures `corrupt` uses, for reports.

    Args:
        frost_dir: folder of the photographs, as for `corrupt`. Defaults to
            `None`.

    Raises:
        FileNotFoundError: `frost_dir` lacks a photograph.

    Example:
        ```python
        from kconsist.robustness.corruptions import frost_source

        print(frost_source())  # procedural frost, not CIFAR-10-C's
        ```
    """
    if frost_dir is None:
        return "procedural frost, not CIFAR-10-C's"
    check_folder(frost_dir)
    return f"textures from {frost_dir}"


def frost_textures(frost_dir, scale, height, width):
    """Returns the textures, resized so that images can be cropped from them.

    Args:
        frost_dir: folder of the photographs, or `None`.
        scale: float, the factor to resize by. A larger one is used if a
            texture would become smaller than an image.
        height: int, height of the images.
        width: int, width of the images.

    Returns:
        A tuple of five uint8 arrays (rows, columns, 3).
    """
    if frost_dir is None:
        return _load(None, scale, height, width)
    check_folder(frost_dir)
    folder = str(pathlib.Path(frost_dir).resolve())
    return _load(folder, scale, height, width)


def check_folder(frost_dir: str | os.PathLike) -> None:
    """Raises `FileNotFoundError` if a folder lacks a photograph."""
    folder = pathlib.Path(frost_dir)
    missing = [n for n in PHOTOGRAPHS if not (folder / n).is_file()]
    if missing:
        raise FileNotFoundError(
            f"frost_dir must contain {', '.join(PHOTOGRAPHS)}, but "
            f"{str(frost_dir)!r} lacks {', '.join(missing)}"
        )


@functools.lru_cache(maxsize=8)
def _load(folder, scale, height, width):
    textures = procedural_frost() if folder is None else _photographs(folder)
    return tuple(resize(t, scale, height, width) for t in textures)


def _photographs(folder):
    from PIL import Image

    pictures = []
    for name in PHOTOGRAPHS:
        with Image.open(pathlib.Path(folder, name)) as picture:
            pictures.append(np.asarray(picture.convert("RGB")))
    return pictures


def resize(texture, scale, height, width):
    """Downsamples a texture by linear interpolation, without antialiasing.

    At a scale of 0.2 this takes every fifth pixel, starting at the third.
    """
    scale = max(scale, height / texture.shape[0], width / texture.shape[1])
    values = texture.astype(float)
    for axis in (0, 1):
        side = texture.shape[axis]
        positions = (np.arange(round(side * scale)) + 0.5) / scale - 0.5
        positions = np.clip(positions, 0, side - 1)
        lower = np.minimum(positions.astype(int), side - 2)
        fraction = np.expand_dims(positions - lower, (1 - axis, 2))
        below = values.take(lower, axis) * (1 - fraction)
        values = below + values.take(lower + 1, axis) * fraction
    return np.floor(values + 0.5).astype(np.uint8)


@functools.cache
def procedural_frost():
    """Returns five textures, uint8 (512, 512, 3): crystals over haze."""
    return tuple(_one_frost(np.random.default_rng(n)) for n in range(5))


def _one_frost(rng):
    # Contour lines of smooth noise look like the edges of ice crystals; finer
    # ones grow where there are coarse ones.
    crystals = np.zeros((_SIDE, _SIDE))
    reach = 1.0
    for cells, weight in ((4, 1.0), (9, 0.8), (20, 0.6), (45, 0.5)):
        ridge = np.exp(-3 * np.abs(_noise(rng, cells)))
        crystals += weight * ridge * reach
        reach = 0.35 + ridge
    frost = crystals + 0.25 * _noise(rng, 3) + 0.15 * _noise(rng, 110)
    frost = (frost - frost.mean()) / frost.std()
    levels = (_MEAN + _DEVIATION * frost)[..., None] * _TINT
    return np.clip(levels, 0, 255).astype(np.uint8)


def _noise(rng, cells):
    """Returns smooth noise of unit variance, about `cells` bumps per side."""
    spectrum = np.fft.rfft2(rng.standard_normal((_SIDE, _SIDE)))
    across = np.fft.rfftfreq(_SIDE, 1 / _SIDE)
    down = np.fft.fftfreq(_SIDE, 1 / _SIDE)[:, None]
    frequency = np.hypot(across, down)
    spectrum *= np.exp(-((frequency - cells) ** 2) / (0.5 * cells**2))
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, (_SIDE, _SIDE))
    return noise / noise.std()
