"""Corrupted images in memory."""

from collections.abc import Mapping

import numpy as np

from kconsist.data import digest
from kconsist.robustness.corruptions._selection import check_cell
from kconsist.robustness.sources._validation import (
    check_same_length,
    validate_images,
    validate_labels,
    validate_num_classes,
)
from kconsist.robustness.sources.source import Source


class Arrays(Source):
    """Cells that are arrays in memory.

    Args:
        cells: dict from `(corruption, severity)` to uint8 images (examples,
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

    def __init__(
        self,
        cells: Mapping[tuple[str, int], np.ndarray],
        labels,
        clean: tuple | None = None,
        num_classes: int | None = None,
    ):
        if not cells:
            raise ValueError("cells must have at least one cell, got none")
        self.labels = validate_labels(labels)
        self.cells = {}
        for cell, images in cells.items():
            if not isinstance(cell, tuple) or len(cell) != 2:
                raise ValueError(
                    "cells must be a dict with keys (corruption, severity), "
                    f"got the key {cell!r}"
                )
            corruption, severity = cell
            check_cell(corruption, severity)
            images = validate_images(f"{corruption} {severity}", images)
            check_same_length(f"{corruption} {severity}", images, self.labels)
            self.cells[corruption, severity] = images
        shapes = {images.shape[1:] for images in self.cells.values()}
        if len(shapes) > 1:
            raise ValueError(
                f"cells must have images of one shape, got {sorted(shapes)}"
            )
        (self.image_shape,) = shapes
        self.num_classes = validate_num_classes(self.labels, num_classes)
        self.set_clean(clean)

    @property
    def fingerprint(self) -> str:
        """Hash of all corrupted images and labels."""
        parts: list = [self.labels]
        for cell, images in sorted(self.cells.items()):
            parts += [repr(cell), images]
        return digest("arrays", *parts)

    def check(self, cells) -> None:
        """Raises `ValueError` unless the source has all `cells`."""
        missing = [cell for cell in cells if cell not in self.cells]
        if missing:
            raise ValueError(
                "cells must contain every cell to be evaluated, but "
                f"{len(missing)} are missing, among them {missing[:3]}"
            )

    def cell(self, corruption: str, severity: int) -> np.ndarray:
        """Returns the images of a cell."""
        return self.cells[corruption, severity]
