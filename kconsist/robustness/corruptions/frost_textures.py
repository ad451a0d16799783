"""Pictures of frost: photographs that the user has, or a procedural frost.

The published code takes five photographs, which come without a word on whose
they are, so they are not part of this package. Without them frost is drawn
here; it has the photographs' mean brightness and contrast, not their look.
"""

import functools
import pathlib

import numpy as np

# The first five of the published six; the sixth is never drawn. The second and
# the third are one picture.
PHOTOGRAPHS = (
    "frost1.png",
    "frost2.png",
    "frost3.png",
    "frost4.jpg",
    "frost5.jpg",
)

_SIDE = 512
# In levels: chosen so that CIFAR-10 under each severity has the brightness it
# has under the photographs (158.7, 173.8, 178.5, 173.3, 170.0), and under the
# fifth their contrast.
_MEAN, _DEVIATION = 168.0, 50.0
_TINT = np.array([0.95, 1.0, 1.05])


def frost_source(frost_dir=None) -> str:
    """Returns what `corrupt` makes frost of, for a report to say.

    Args:
        frost_dir: path, as for `corrupt`. Defaults to `None`.

    Returns:
        A str.

    Raises:
        FileNotFoundError: where `frost_dir` lacks a photograph.

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
    """Returns the textures at the size that images of a size are cut from.

    Args:
        frost_dir: path of the photographs, or `None`.
        scale: float, by how much they are shrunk; less, if need be, so that
            each holds an image.
        height: int, of the images.
        width: int, of the images.

    Returns:
        A tuple of five uint8 arrays (rows, columns, 3).
    """
    if frost_dir is None:
        return _resized(None, scale, height, width)
    check_folder(frost_dir)
    folder = str(pathlib.Path(frost_dir).resolve())
    return _resized(folder, scale, height, width)


def check_folder(frost_dir):
    """Raises `FileNotFoundError` where a folder lacks a photograph."""
    folder = pathlib.Path(frost_dir)
    missing = [n for n in PHOTOGRAPHS if not (folder / n).is_file()]
    if missing:
        raise FileNotFoundError(
            f"frost_dir must hold {', '.join(PHOTOGRAPHS)}, and "
            f"{str(frost_dir)!r} lacks {', '.join(missing)}"
        )


@functools.lru_cache(maxsize=8)
def _resized(folder, scale, height, width):
    textures = procedural_frost() if folder is None else _photographs(folder)
    return tuple(resized(t, scale, height, width) for t in textures)


def _photographs(folder):
    from PIL import Image

    pictures = []
    for name in PHOTOGRAPHS:
        with Image.open(pathlib.Path(folder, name)) as picture:
            pictures.append(np.asarray(picture.convert("RGB")))
    return pictures


def resized(texture, scale, height, width):
    """Shrinks a texture by linear interpolation, without smoothing it first.

    At the scale of 0.2 this is every fifth pixel, from the third one on.
    """
    scale = max(scale, height / texture.shape[0], width / texture.shape[1])
    values = texture.astype(float)
    for axis in (0, 1):
        side = texture.shape[axis]
        places = (np.arange(round(side * scale)) + 0.5) / scale - 0.5
        places = np.clip(places, 0, side - 1)
        lower = np.minimum(places.astype(int), side - 2)
        fraction = np.expand_dims(places - lower, (1 - axis, 2))
        below = values.take(lower, axis) * (1 - fraction)
        values = below + values.take(lower + 1, axis) * fraction
    return np.floor(values + 0.5).astype(np.uint8)


@functools.cache
def procedural_frost():
    """Returns five drawn textures, uint8 (512, 512, 3): crystals over haze."""
    return tuple(_one_frost(np.random.default_rng(n)) for n in range(5))


def _one_frost(rng):
    # Lines of equal height of smooth noise look like the edges of ice
    # crystals; finer ones grow where coarse ones are.
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
    """Returns smooth noise, of about `cells` bumps a side, of deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal((_SIDE, _SIDE)))
    across = np.fft.rfftfreq(_SIDE, 1 / _SIDE)
    down = np.fft.fftfreq(_SIDE, 1 / _SIDE)[:, None]
    frequency = np.hypot(across, down)
    spectrum *= np.exp(-((frequency - cells) ** 2) / (0.5 * cells**2))
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, (_SIDE, _SIDE))
    return noise / noise.std()
