"""The interface of all sources of corrupted images.

A source has labels, optionally clean images, and a block of uint8 images for
each corruption and severity. It is read in chunks, so only one chunk has to
fit into memory.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from kconsist.data import digest
from kconsist.robustness.sources._validation import (
    check_same_length,
    validate_images,
    validate_labels,
)

_OTHER_ORDER = (
    "The clean images are in another order than the corrupted ones: "
    "disagreement between the two is not defined and is left out."
)


class Source:
    """Clean and corrupted images of one test set.

    Attributes:
        data: str, a short description of the images for tables.
        notes: tuple of str, notes about the images for every report.
        regenerated: bool, whether the images were made by this package rather
            than read from the released files.
        procedural_frost: bool, whether frost is a procedural texture rather
            than the benchmark's photographs.
        labels: int array (examples,), the true classes in every cell.
        clean: uint8 array (examples, height, width, channels), or `None`.
        clean_labels: int array (examples,), or `None`.
        aligned: bool, whether image i of every cell was made from clean image
            i. Disagreement is only defined if so.
        image_shape: tuple (height, width, channels).
        num_classes: int, number of classes.
        fingerprint: str, a hash of the corrupted images and labels.
    """

    data = "arrays"
    notes: tuple[str, ...] = ()
    regenerated = False
    procedural_frost = False
    labels: np.ndarray
    clean: np.ndarray | None = None
    clean_labels: np.ndarray | None = None
    aligned = False
    image_shape: tuple[int, ...]
    num_classes: int

    @property
    def clean_fingerprint(self) -> str:
        """Hash of the clean images and labels."""
        return digest(self.clean, self.clean_labels)

    def cell_fingerprint(self, corruption: str, severity: int) -> str:
        """Returns a hash of the images of a cell."""
        return digest(*self.chunks(corruption, severity))

    def cell_fingerprints(
        self, cells: Iterable[tuple[str, int]]
    ) -> dict[tuple[str, int], str]:
        """Returns the hashes of several cells."""
        return {cell: self.cell_fingerprint(*cell) for cell in cells}

    def check(self, cells: Iterable[tuple[str, int]]) -> None:
        """Raises unless each (corruption, severity) of `cells` can be read."""

    def cell(self, corruption: str, severity: int) -> np.ndarray:
        """Returns the images of a cell, an array or a memory map."""
        raise NotImplementedError

    def chunks(
        self,
        corruption: str,
        severity: int,
        ids: np.ndarray | None = None,
        size: int = 1000,
    ) -> Iterator[np.ndarray]:
        """Yields the images of a cell in chunks.

        Args:
            corruption: one of `CORRUPTIONS`.
            severity: int from 1 to 5.
            ids: increasing int array, the indices of the images to read.
                Defaults to all.
            size: images per chunk; the last one may be smaller. Defaults to
                `1000`.
        """
        yield from _chunks(self.cell(corruption, severity), ids, size)

    def clean_chunks(
        self, ids: np.ndarray | None = None, size: int = 1000
    ) -> Iterator[np.ndarray]:
        """Yields the clean images in chunks."""
        yield from _chunks(self.clean, ids, size)

    def set_clean(self, clean: tuple | None) -> None:
        """Sets the clean `(images, labels)` and whether they are aligned."""
        if clean is None:
            return
        images, labels = clean
        self.clean = validate_images("clean images", images)
        self.clean_labels = validate_labels(labels)
        check_same_length("clean images", self.clean, self.clean_labels)
        if self.clean.shape[1:] != tuple(self.image_shape):
            raise ValueError(
                "clean images must have the shape of the corrupted ones, "
                f"{self.image_shape}, got {self.clean.shape[1:]}"
            )
        counts = [np.bincount(x) for x in (self.labels, self.clean_labels)]
        if not np.array_equal(counts[0], counts[1]):
            raise ValueError(
                "clean images must be the originals of the corrupted ones, "
                f"with {counts[0].tolist()} images per class, got "
                f"{counts[1].tolist()}"
            )
        self.aligned = np.array_equal(self.labels, self.clean_labels)
        if not self.aligned:
            self.notes += (_OTHER_ORDER,)


def _chunks(images, ids, size):
    """Yields `images[ids]`, or all of `images`, in chunks of `size`."""
    count = len(images) if ids is None else len(ids)
    for start in range(0, count, size):
        rows = slice(start, start + size)
        yield images[rows] if ids is None else images[ids[rows]]
