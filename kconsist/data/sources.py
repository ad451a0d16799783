"""Data sets by name or folder, as NumPy arrays."""

import collections
import pathlib

import numpy as np

from kconsist._requirements import check_installed
from kconsist.data import inputs


class Examples(collections.namedtuple("Examples", ["images", "labels"])):
    """Images and labels of one split: a pair that also knows its classes.

    It unpacks like the tuple `(images, labels)`.

    Args:
        images: array (examples, ...), uint8 or float32.
        labels: int64 array (examples,).
        class_names: tuple of str, one a class. Defaults to none.

    Example:
        ```python
        import numpy as np
        from kconsist import data

        examples = data.Examples(np.zeros((2, 2)), np.array([0, 1]), ("a", "b"))
        images, labels = examples
        assert examples.num_classes == 2
        ```
    """

    class_names: tuple[str, ...] = ()

    def __new__(cls, images, labels, class_names=()):
        """Returns the pair."""
        examples = super().__new__(cls, images, labels)
        examples.class_names = tuple(class_names)
        return examples

    @property
    def num_classes(self) -> int:
        """Number of classes: of names, or else the largest label plus one."""
        return len(self.class_names) or int(np.max(self.labels)) + 1


def load(
    name_or_folder,
    *,
    data_dir=None,
    download: bool = True,
    image_size: tuple[int, int] | None = None,
    seed: int = 0,
    **options,
) -> tuple[Examples, Examples]:
    """Loads the train and test split of a data set into memory.

    `name_or_folder` is one of:

    - `"moons"`: scikit-learn's two moons, float32 points (examples, 2); train
      and test are independent draws. Options: `num_examples` of each split,
      defaults to `1000`; `noise`, defaults to `0.06`.
    - `"digits"`: scikit-learn's 1,797 handwritten digits, enlarged smoothly
      from 8x8 to uint8 (examples, 32, 32, 3), split once and for all. Option:
      `test_fraction`, defaults to `0.25`.
    - any name of TensorFlow Datasets, such as `"cifar10"`. A data set without
      a test split gives its validation split as test.
    - a folder with an image folder a class: `folder/train/<class>/*.png` and
      `folder/test/<class>/*.png` (or `val`, `validation`), or only
      `folder/<class>/*.png`, which `seed` splits. RGB images, uint8. Option:
      `test_fraction`, defaults to `0.2`.

    A string without a separator is a name first, and a folder if there is no
    such name; give a `pathlib.Path` for a folder that is called like a name.

    Args:
        name_or_folder: str or path.
        data_dir: folder of prepared TensorFlow Datasets. Defaults to its own
            rule: `TFDS_DATA_DIR`, or `~/tensorflow_datasets`.
        download: whether a data set that is not in `data_dir` may be
            downloaded. Defaults to `True`.
        image_size: `(height, width)` to resize all images to. Defaults to the
            size they have, which must then be the same for all.
        seed: seed of the draw of `"moons"` and of the split of a folder.
            Defaults to `0`.
        **options: options of one kind of source, as above.

    Returns:
        `(train, test)`, two `Examples`.

    Raises:
        ValueError: an unknown name, a missing split, images of different sizes
            without `image_size`, or a folder that is not as above.
        FileNotFoundError: a data set that is not prepared, with
            `download=False`.
        ImportError: no `tensorflow_datasets` for a name of its own.

    Example:
        ```python
        from kconsist import data

        (images, labels), test = data.load("digits")
        assert images.shape[1:] == (32, 32, 3) and test.num_classes == 10
        ```
    """
    from kconsist.data import catalog

    if image_size is not None:
        image_size = _checked_size(image_size)
    if name_or_folder == "moons":
        if image_size is not None:
            raise ValueError("image_size must be None for points (moons)")
        return load_moons(seed=seed, **options)
    if name_or_folder == "digits":
        return load_digits(image_size=image_size or (32, 32), **options)
    is_name = isinstance(name_or_folder, str)
    if is_name and catalog.has(name_or_folder):
        return catalog.load_tfds(
            name_or_folder,
            data_dir=data_dir,
            download=download,
            image_size=image_size,
            **options,
        )
    if pathlib.Path(name_or_folder).is_dir():
        check_installed("PIL", "a folder of images")
        from kconsist.data import folders

        return folders.load_folder(
            name_or_folder, image_size=image_size, seed=seed, **options
        )
    if is_name:
        check_installed("tensorflow_datasets", f"load({name_or_folder!r})")
    raise ValueError(
        'name_or_folder must be "moons", "digits", a name of TensorFlow '
        'Datasets such as "cifar10", or a folder with a folder of images a '
        f"class, got {str(name_or_folder)!r}, which is none of them"
    )


def load_moons(
    *, num_examples: int = 1000, noise: float = 0.06, seed: int = 0
) -> tuple[Examples, Examples]:
    """Draws two moons twice; `load("moons")` says more."""
    check_installed("sklearn", 'load("moons")')
    from sklearn import datasets

    num_examples = inputs.whole_number("num_examples", num_examples, 2)
    splits = []
    for split_seed in np.random.SeedSequence(seed).generate_state(2):
        points, labels = datasets.make_moons(
            num_examples, noise=noise, random_state=int(split_seed)
        )
        splits.append(
            Examples(
                points.astype(np.float32),
                labels.astype(np.int64),
                ("upper", "lower"),
            )
        )
    return splits[0], splits[1]


def load_digits(
    *,
    test_fraction: float = 0.25,
    image_size: tuple[int, int] = (32, 32),
) -> tuple[Examples, Examples]:
    """Loads scikit-learn's digits; `load("digits")` says more."""
    check_installed("sklearn", 'load("digits")')
    check_installed("PIL", 'load("digits")')
    from PIL import Image
    from sklearn import datasets

    digits = datasets.load_digits()
    levels = np.round(digits.images * (255 / 16)).astype(np.uint8)
    height, width = image_size
    images = np.stack(
        [
            np.asarray(
                Image.fromarray(image).resize(
                    (width, height), Image.Resampling.BICUBIC
                )
            )
            for image in levels
        ]
    )
    images = np.repeat(images[..., np.newaxis], 3, axis=-1)
    labels = digits.target.astype(np.int64)
    # The split is part of the data set: no seed moves it.
    train, test = stratified_split(labels, test_fraction, seed=0)
    names = tuple(str(name) for name in digits.target_names)
    return (
        Examples(images[train], labels[train], names),
        Examples(images[test], labels[test], names),
    )


def stratified_split(labels, test_fraction: float, seed: int):
    """Returns sorted train and test indices, both with every class."""
    if not 0 < test_fraction < 1:
        raise ValueError(
            f"test_fraction must be between 0 and 1, got {test_fraction}"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    test = []
    for class_index in np.unique(labels):
        members = order[labels[order] == class_index]
        if len(members) < 2:
            raise ValueError(
                "a split into train and test needs at least 2 examples of a "
                f"class, got {len(members)} of class {class_index}"
            )
        size = round(len(members) * test_fraction)
        test.append(members[: min(max(size, 1), len(members) - 1)])
    test = np.sort(np.concatenate(test))
    return np.setdiff1d(np.arange(len(labels)), test), test


def _checked_size(image_size) -> tuple[int, int]:
    try:
        height, width = image_size
    except TypeError:
        raise ValueError(
            f"image_size must be (height, width), got {image_size!r}"
        ) from None
    return (
        inputs.whole_number("image_size height", height),
        inputs.whole_number("image_size width", width),
    )
