"""Loads folders of images, one folder per class."""

import pathlib

import numpy as np
from PIL import Image, ImageOps

from kconsist.data.examples import Examples
from kconsist.data.splits import stratified_split

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MODES_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
TEST_NAMES = ("test", "val", "validation")


def load_folder(
    folder: str | pathlib.Path,
    *,
    image_size: tuple[int, int] | None = None,
    test_fraction: float | None = None,
    seed: int = 0,
) -> tuple[Examples, Examples]:
    """Returns the train and test split of a folder of images; see `load`.

    Gray becomes RGB. Gray of 16 bits and floats in [0, 1] are scaled to 0 …
    255; of RGB with 16 bits Pillow keeps the upper 8. Transparent pixels are
    composited on white. Of several frames or pages the first is loaded.

    Args:
        folder: path of the folder.
        image_size: `(height, width)` to resize to, or `None` if all images
            have the same size. Defaults to `None`.
        test_fraction: fraction of each class for the test split, if the folder
            has no split of its own. Defaults to `0.2`.
        seed: seed of that split. Defaults to `0`.

    Returns:
        `(train, test)`, two `Examples` of RGB images, uint8
        (examples, height, width, 3).

    Raises:
        ValueError: class folders are missing, empty or differ between the
            splits; images have several sizes and `image_size` is not given; a
            file is damaged, larger than `PIL.Image.MAX_IMAGE_PIXELS` allows,
            or contains floats outside [0, 1] or integers of 32 bits.
    """
    folder = pathlib.Path(folder)
    if not _subfolders(folder / "train"):
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
            "test_fraction must be None for a folder that is already split, "
            f"got {test_fraction} for {folder}"
        )
    test_folder = _find_test_folder(folder)
    files, labels, names = _list_images(folder / "train")
    test_files, test_labels, test_names = _list_images(test_folder)
    if names != test_names:
        raise ValueError(
            "train and test must have the same class folders, got only in "
            f"train: {sorted(set(names) - set(test_names))}, only in "
            f"{test_folder.name}: {sorted(set(test_names) - set(names))}"
        )
    # Read together, so that both splits must have the same image size.
    images = _read_images(files + test_files, image_size)
    return (
        Examples(images[: len(files)], labels, names),
        Examples(images[len(files) :], test_labels, names),
    )


def _subfolders(folder):
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )


def _find_test_folder(folder):
    for name in TEST_NAMES:
        if _subfolders(folder / name):
            return folder / name
    raise ValueError(
        f"{folder} has a train folder and must have one of "
        f"{', '.join(TEST_NAMES)} with class folders, got "
        f"{[path.name for path in _subfolders(folder)]}"
    )


def _list_images(folder):
    """Returns the files, labels and class names of one split."""
    classes = _subfolders(folder)
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
                "images must all have the same size without image_size="
                f"(height, width), got {_size(images[0])} in {files[0]} and "
                f"{_size(image)} in {file}"
            )
        images.append(image)
    return np.stack(images)


def _read_image(file, image_size):
    try:
        with Image.open(file) as opened:
            is_png = opened.format == "PNG"
            image = _to_rgb(ImageOps.exif_transpose(opened), is_png)
    except Exception as error:  # Pillow raises many kinds for damaged files.
        raise ValueError(
            f"{file} must be an image that loads as RGB, got: {error}"
        ) from error
    if image_size is not None:
        height, width = image_size
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _to_rgb(image, is_png):
    """Returns an image as 8-bit RGB, converted as `load_folder` describes."""
    transparent = image.mode in MODES_WITH_ALPHA or "transparency" in image.info
    # Gray of 16 bits; some versions of Pillow use mode "I" for it in PNG files.
    if image.mode.startswith("I;16") or (image.mode == "I" and is_png):
        if transparent:
            raise ValueError(
                "a transparent color of 16 bits; save an alpha channel instead"
            )
        image = _from_unit_range(np.asarray(image, np.float32) / 65535)
    elif image.mode == "F":
        image = _from_unit_range(np.asarray(image))
    elif image.mode == "I":
        raise ValueError("integers of 32 bits, whose range is unknown")
    if transparent:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _from_unit_range(values):
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):  # Or NaN.
        raise ValueError(f"floats from {low} to {high}; scale them to [0, 1]")
    return Image.fromarray(np.round(255 * values).astype(np.uint8))


def _size(image):
    return f"{image.shape[0]}x{image.shape[1]}"
