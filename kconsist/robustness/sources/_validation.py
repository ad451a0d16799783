"""Validates images and labels of a source."""

import numpy as np

from kconsist import _checks
from kconsist.data._inputs import class_labels


def validate_images(name: str, images) -> np.ndarray:
    """Returns uint8 images as an array.

    Raises:
        ValueError: images of another dtype or shape, or none.
    """
    images = images if isinstance(images, np.ndarray) else np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise ValueError(
            f"{name} must be uint8 (0 to 255) of shape (examples, height, "
            f"width, channels), got {images.dtype} of shape {images.shape}"
        )
    return images


def validate_labels(labels) -> np.ndarray:
    """Returns int64 labels (examples,) from (examples,) or (examples, 1)."""
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    return class_labels(labels).astype(np.int64)


def check_same_length(name: str, images, labels) -> None:
    """Raises `ValueError` unless there is one label for each image."""
    if len(images) != len(labels):
        raise ValueError(
            f"{name} must have one label for each image, got {len(images)} "
            f"images and {len(labels)} labels"
        )


def validate_num_classes(labels, num_classes: int | None) -> int:
    """Returns `num_classes`, or the largest label plus one for `None`.

    Raises:
        ValueError: `num_classes` is too small for the labels.
    """
    minimum = int(labels.max()) + 1
    if num_classes is None:
        return minimum
    num_classes = _checks.as_integer("num_classes", num_classes)
    if num_classes < minimum:
        raise ValueError(
            f"num_classes must be at least {minimum}, the largest label plus "
            f"one, got {num_classes}"
        )
    return num_classes
