"""Folders of images, one folder a class."""

import pathlib

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from kconsist.data.sources import Examples, stratified_split

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
TEST_NAMES = ("test", "val", "validation")


def load_folder(folder, *, image_size=None, test_fraction=None, seed=0):
    """Loads a folder of images as two `Examples`; `load` says more.

    Args:
        folder: path of the folder.
        image_size: `(height, width)`, or `None` where all are of one size.
        test_fraction: part of each class that becomes the test split, for a
            folder without a split of its own. Defaults to `0.2`.
        seed: seed of that split. Defaults to `0`.

    Returns:
        `(train, test)`, two `Examples` of RGB images, uint8
        (examples, height, width, 3).
    """
    folder = pathlib.Path(folder)
    if not _folders(folder / "train"):
        files, labels, names = _list_images(folder)
        images = _read_images(files, image_size)
        fraction = 0.2 if test_fraction is None else test_fraction
        train, test = stratified_split(labels, fraction, seed)
        return (
            Examples(images[train], labels[train], names),
            Examples(images[test], labels[test], names),
        )
    if test_fraction is not None:
        raise ValueError(
            "test_fraction must be None for a folder with a split of its own, "
            f"got {test_fraction} for {folder}"
        )
    test_folder = _test_folder(folder)
    files, labels, names = _list_images(folder / "train")
    test_files, test_labels, test_names = _list_images(test_folder)
    if names != test_names:
        raise ValueError(
            "train and test must have the same class folders, got only in "
            f"train: {sorted(set(names) - set(test_names))}, only in "
            f"{test_folder.name}: {sorted(set(test_names) - set(names))}"
        )
    # Read together: one size holds for both splits.
    images = _read_images(files + test_files, image_size)
    return (
        Examples(images[: len(files)], labels, names),
        Examples(images[len(files) :], test_labels, names),
    )


def _folders(folder):
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )


def _test_folder(folder):
    for name in TEST_NAMES:
        if _folders(folder / name):
            return folder / name
    raise ValueError(
        f"{folder} has a train folder and must have one of "
        f"{', '.join(TEST_NAMES)} with class folders, got "
        f"{[path.name for path in _folders(folder)]}"
    )


def _list_images(folder):
    """Returns files, their labels and the class names of one split."""
    classes = _folders(folder)
    if len(classes) < 2:
        raise ValueError(
            f"{folder} must have at least two class folders, got "
            f"{[path.name for path in classes]}"
        )
    files, labels = [], []
    for label, class_folder in enumerate(classes):
        images = sorted(
            path
            for path in class_folder.iterdir()
            if path.suffix.lower() in EXTENSIONS
            and not path.name.startswith(".")
        )
        if not images:
            raise ValueError(
                f"class folder {class_folder} must have images "
                f"({', '.join(EXTENSIONS)}), got none"
            )
        files += images
        labels += [label] * len(images)
    names = tuple(path.name for path in classes)
    return files, np.array(labels, np.int64), names


def _read_images(files, image_size):
    """Returns RGB images, uint8 (files, height, width, 3)."""
    images = []
    for file in files:
        image = _read_image(file, image_size)
        if images and image.shape != images[0].shape:
            raise ValueError(
                "images must be of one size without image_size=(height, "
                f"width), got {_size(images[0])} in {files[0]} and "
                f"{_size(image)} in {file}"
            )
        images.append(image)
    return np.stack(images)


def _read_image(file, image_size):
    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(
            f"{file} must be an image that Pillow reads, got: {error}"
        ) from error
    if image_size is not None:
        height, width = image_size
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _size(image):
    return f"{image.shape[0]}x{image.shape[1]}"
