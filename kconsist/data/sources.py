"""Loads data sets by name or folder, as NumPy arrays."""

import pathlib

from kconsist import _checks
from kconsist._requirements import check_installed
from kconsist.data import _sklearn, _tfds
from kconsist.data.examples import Examples


def load(
    name_or_folder: str | pathlib.Path,
    *,
    data_dir: str | pathlib.Path | None = None,
    download: bool = True,
    image_size: tuple[int, int] | None = None,
    seed: int = 0,
    **options,
) -> tuple[Examples, Examples]:
    """Loads the train and test split of a data set into memory.

    `name_or_folder` is one of:

    - `"moons"`: scikit-learn's two moons, float32 points (examples, 2); train
      and test are independent samples. Options: `num_examples` per split,
      defaults to `1000`; `noise`, defaults to `0.06`.
    - `"digits"`: scikit-learn's 1,797 handwritten digits, resized from 8x8 to
      uint8 (examples, 32, 32, 3) with bicubic interpolation, in a fixed split.
      Option: `test_fraction`, defaults to `0.25`.
    - any name of TensorFlow Datasets, such as `"cifar10"`. If a data set has
      no test split, its validation split is the test split.
    - a folder with one folder of images per class:
      `folder/train/<class>/*.png` and `folder/test/<class>/*.png` (or `val`,
      `validation`), or only `folder/<class>/*.png`, which `seed` splits. RGB
      images, uint8. Option: `test_fraction`, defaults to `0.2`.

    A string is looked up as a name first, and then as a folder. To load a
    folder that has the name of a data set, pass a `pathlib.Path`.

    Args:
        name_or_folder: name of a data set, or path of a folder.
        data_dir: folder of prepared TensorFlow Datasets. Defaults to
            the environment variable TFDS_DATA_DIR, or
            `~/tensorflow_datasets`.
        download: whether a data set that is not in `data_dir` may be
            downloaded. Defaults to `True`.
        image_size: `(height, width)` to resize all images to. Defaults to the
            original size, which must then be the same for all images.
        seed: seed of the samples of `"moons"` and of the split of a folder.
            Defaults to `0`.
        **options: options of one kind of source, as above.

    Returns:
        `(train, test)`, two `Examples`.

    Raises:
        ValueError: the name is unknown, a split is missing, images have
            different sizes and `image_size` is not given, or the folder is
            not laid out as above.
        FileNotFoundError: the data set is not prepared, and `download=False`.
        ImportError: the source requires a package that is not installed.

    Example:
        ```python
        from kconsist import data

        (images, labels), test = data.load("digits")
        assert images.shape[1:] == (32, 32, 3) and test.num_classes == 10
        ```
    """
    if image_size is not None:
        image_size = _as_size(image_size)
    if name_or_folder == "moons":
        if image_size is not None:
            raise ValueError(
                f'image_size must be None for "moons", got {image_size}: its '
                "examples are points, not images"
            )
        return _sklearn.load_moons(seed=seed, **options)
    if name_or_folder == "digits":
        return _sklearn.load_digits(
            image_size=image_size or (32, 32), **options
        )
    if isinstance(name_or_folder, str) and _tfds.has_name(name_or_folder):
        return _tfds.load_tfds(
            name_or_folder,
            data_dir=data_dir,
            download=download,
            image_size=image_size,
            **options,
        )
    if pathlib.Path(name_or_folder).is_dir():
        check_installed("PIL", "a folder of images")
        from kconsist.data import _folders  # It imports Pillow.

        return _folders.load_folder(
            name_or_folder, image_size=image_size, seed=seed, **options
        )
    if isinstance(name_or_folder, str):
        check_installed("tensorflow_datasets", f"load({name_or_folder!r})")
    raise ValueError(
        'name_or_folder must be "moons", "digits", a name of TensorFlow '
        'Datasets such as "cifar10", or a folder with one folder of images '
        f"per class, got {str(name_or_folder)!r}, which is none of them"
    )


def _as_size(image_size) -> tuple[int, int]:
    """Returns `(height, width)` as ints, or raises `ValueError`."""
    try:
        height, width = image_size
    except TypeError:
        raise ValueError(
            f"image_size must be (height, width), got {image_size!r}"
        ) from None
    return (
        _checks.as_integer("image_size height", height),
        _checks.as_integer("image_size width", width),
    )
