"""Where corrupted images come from: what all sources share, and arrays.

A source has labels, perhaps clean images, and a block of uint8 images for each
corruption and severity. It is read in chunks, so that no more than one chunk
need be in memory.
"""

from collections.abc import Iterator

import numpy as np

from kconsist.data.digests import digest
from kconsist.data.inputs import class_labels, whole_number
from kconsist.robustness.corruptions import CORRUPTIONS, SEVERITIES


class Source:
    """Clean and corrupted images of one test set.

    Attributes:
        data: str, what the images are, in a word for tables.
        notes: tuple of str, what every output has to say about them.
        regenerated: bool, whether these are images made here and not the
            released files.
        procedural_frost: bool, whether frost is a drawn texture and not the
            benchmark's photographs.
        labels: int array (examples,), the true classes in every cell.
        clean: uint8 array (examples, height, width, channels), or None.
        clean_labels: int array (examples,), or None.
        aligned: bool, whether clean image i is what every cell's image i was
            made from. Only then is disagreement defined.
        image_shape: tuple (height, width, channels).
        num_classes: int.
        fingerprint: str, the same for the same corrupted images and labels.
    """

    data = "arrays"
    notes: tuple[str, ...] = ()
    regenerated = False
    procedural_frost = False
    clean = None
    clean_labels = None
    aligned = False

    @property
    def clean_fingerprint(self) -> str:
        """Hash of the clean images and labels."""
        return digest(self.clean, self.clean_labels)

    def cell_fingerprint(self, corruption: str, severity: int) -> str:
        """Returns a hash that is the same for the same images of a cell."""
        return digest(*self.chunks(corruption, severity))

    def check(self, cells) -> None:
        """Raises unless each (corruption, severity) of `cells` can be read."""

    def cell(self, corruption: str, severity: int):
        """Returns the images of a cell, something that slices like an array."""
        raise NotImplementedError

    def chunks(
        self, corruption: str, severity: int, ids=None, size: int = 1000
    ) -> Iterator[np.ndarray]:
        """Yields the images of a cell, `size` at a time.

        Args:
            corruption: one of `CORRUPTIONS`.
            severity: int from 1 to 5.
            ids: increasing int array, the images that are wanted. Defaults to
                all.
            size: images a chunk; the last one may be smaller. Defaults to
                `1000`.
        """
        yield from sliced(self.cell(corruption, severity), ids, size)

    def clean_chunks(self, ids=None, size: int = 1000) -> Iterator[np.ndarray]:
        """Yields the clean images, `size` at a time."""
        yield from sliced(self.clean, ids, size)

    def set_clean(self, clean) -> None:
        """Takes `(images, labels)`, and finds out whether they are aligned."""
        if clean is None:
            return
        images, labels = clean
        self.clean = image_block("clean images", images)
        self.clean_labels = label_column(labels)
        same_length("clean images", self.clean, self.clean_labels)
        if self.clean.shape[1:] != tuple(self.image_shape):
            raise ValueError(
                f"clean images must be of shape {self.image_shape} as the "
                f"corrupted ones are, got {self.clean.shape[1:]}"
            )
        counts = [np.bincount(x) for x in (self.labels, self.clean_labels)]
        if not np.array_equal(*counts):
            raise ValueError(
                "clean images must be those that were corrupted: the corrupted "
                f"set has {counts[0].tolist()} images a class, got "
                f"{counts[1].tolist()}"
            )
        self.aligned = np.array_equal(self.labels, self.clean_labels)
        if not self.aligned:
            self.notes += (OTHER_ORDER,)


OTHER_ORDER = (
    "The clean images are in another order than the corrupted ones: "
    "disagreement between the two is not defined and is left out."
)


class Arrays(Source):
    """Cells that are arrays in memory.

    Args:
        cells: dict of `(corruption, severity)` to uint8 images (examples,
            height, width, channels).
        labels: integer array (examples,) or (examples, 1).
        clean: `(images, labels)` of the clean set. Defaults to `None`.
        num_classes: number of classes. Defaults to the largest label plus one.

    Raises:
        ValueError: no cells, an unknown name or severity, images that are not
            uint8, or arrays of different lengths.

    Example:
        ```python
        import numpy as np
        from kconsist.robustness import Arrays

        images = np.zeros((2, 32, 32, 3), "uint8")
        source = Arrays({("fog", 1): images}, np.array([0, 1]))
        ```
    """

    def __init__(self, cells, labels, clean=None, num_classes=None):
        if not cells:
            raise ValueError("cells must have at least one cell, got none")
        self.labels = label_column(labels)
        self.cells = {}
        for cell, images in cells.items():
            if not isinstance(cell, tuple) or len(cell) != 2:
                raise ValueError(
                    "cells must be a dict of (corruption, severity), got the "
                    f"key {cell!r}"
                )
            corruption, severity = cell
            known_cell(corruption, severity)
            images = image_block(f"{corruption} {severity}", images)
            same_length(f"{corruption} {severity}", images, self.labels)
            self.cells[corruption, severity] = images
        shapes = {images.shape[1:] for images in self.cells.values()}
        if len(shapes) > 1:
            raise ValueError(
                f"cells must have images of one shape, got {sorted(shapes)}"
            )
        (self.image_shape,) = shapes
        self.num_classes = class_count(self.labels, num_classes)
        self.set_clean(clean)

    @property
    def fingerprint(self) -> str:
        """Hash of all corrupted images and labels."""
        parts = [self.labels]
        for cell, images in sorted(self.cells.items()):
            parts += [repr(cell), images]
        return digest("arrays", *parts)

    def check(self, cells) -> None:
        """Raises `ValueError` unless all `cells` were given."""
        missing = [cell for cell in cells if cell not in self.cells]
        if missing:
            raise ValueError(
                f"cells must have what is asked for, and {len(missing)} were "
                f"not given, among them {missing[:3]}"
            )

    def cell(self, corruption, severity):
        """Returns the images of a cell."""
        return self.cells[corruption, severity]


def sliced(images, ids, size: int) -> Iterator[np.ndarray]:
    """Yields `images[ids]`, or all of `images`, `size` at a time."""
    count = len(images) if ids is None else len(ids)
    for start in range(0, count, size):
        rows = slice(start, start + size)
        yield images[rows] if ids is None else images[ids[rows]]


def known_cell(corruption, severity) -> None:
    """Raises `ValueError` for what is no cell of the benchmark."""
    if corruption not in CORRUPTIONS:
        raise ValueError(
            f"corruption must be one of {CORRUPTIONS}, got {corruption!r}"
        )
    if isinstance(severity, bool) or severity not in SEVERITIES:
        raise ValueError(
            f"severity must be one of {tuple(SEVERITIES)} (0 would be clean, "
            f"which is no cell), got {severity!r}"
        )


def image_block(name: str, images) -> np.ndarray:
    """Returns a block of uint8 images, or says what is wrong with it."""
    images = images if isinstance(images, np.ndarray) else np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise ValueError(
            f"{name} must be uint8 (0 to 255) of shape (examples, height, "
            f"width, channels), got {images.dtype} of shape {images.shape}"
        )
    return images


def label_column(labels) -> np.ndarray:
    """Returns labels (examples,); Keras's data sets have (examples, 1)."""
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    return class_labels(labels).astype(np.int64)


def same_length(name: str, images, labels) -> None:
    """Raises `ValueError` unless there is one label for each image."""
    if len(images) != len(labels):
        raise ValueError(
            f"{name} must have one label for each image, got {len(images)} "
            f"images and {len(labels)} labels"
        )


def class_count(labels, num_classes) -> int:
    """Returns the number of classes, given or counted."""
    least = int(labels.max()) + 1
    if num_classes is None:
        return least
    num_classes = whole_number("num_classes", num_classes)
    if num_classes < least:
        raise ValueError(
            f"num_classes must be at least {least}, the largest label plus "
            f"one, got {num_classes}"
        )
    return num_classes
