"""The subset of a source that is evaluated, the same images in each cell."""

from collections.abc import Iterator

import numpy as np

from kconsist import _checks
from kconsist.data import digest
from kconsist.robustness.corruptions.names import CLEAN


class Subset:
    """A stratified subset of a source, including its clean images.

    Args:
        source: `Source`.
        examples: number of images of each cell; `None` is all.
        seed: seed of the selection.
    """

    def __init__(self, source, examples, seed):
        self.source = source
        self.seed = _checks.as_integer("seed", seed, 0)
        self.ids = stratified_subset(source.labels, examples, self.seed)
        self.examples = None if self.ids is None else len(self.ids)
        self.clean_ids = None
        if source.clean is not None:
            self.clean_ids = stratified_subset(
                source.clean_labels, examples, self.seed
            )

    def chunks(self, cell: tuple[str, int], size: int) -> Iterator[np.ndarray]:
        """Yields the images of a cell in chunks of `size`.

        Raises:
            ValueError: the source has too few or too many images.
        """
        return self._read(cell, self._cell_ids(cell), size)

    def images(self, cell: tuple[str, int], indices: np.ndarray) -> np.ndarray:
        """Returns some images of a cell.

        Args:
            cell: `(corruption, severity)`.
            indices: increasing int array, indices into the subset.
        """
        ids = self._cell_ids(cell)
        ids = indices if ids is None else ids[indices]
        return np.concatenate(list(self._read(cell, ids, len(ids))))

    def labels(self, cell: tuple[str, int]) -> np.ndarray:
        """Returns the labels of the images of a cell."""
        is_clean = cell == CLEAN
        labels = self.source.clean_labels if is_clean else self.source.labels
        ids = self._cell_ids(cell)
        return labels if ids is None else labels[ids]

    def fingerprints(self, cells: list[tuple[str, int]]) -> dict:
        """Returns a hash of the images and labels of each cell, in a dict."""
        corrupted = [cell for cell in cells if cell != CLEAN]
        images = self.source.cell_fingerprints(corrupted)
        if CLEAN in cells:
            images[CLEAN] = self.source.clean_fingerprint
        return {
            cell: digest(images[cell], self.labels(cell), self._cell_ids(cell))
            for cell in cells
        }

    def metadata(self) -> dict:
        """Returns the metadata of the images for a report."""
        source = self.source
        return {
            "data": source.data,
            "kind": type(source).__name__,
            "notes": list(source.notes),
            "regenerated": source.regenerated,
            "procedural_frost": source.procedural_frost,
            "aligned": source.aligned,
            "fingerprint": source.fingerprint,
            "clean_fingerprint": source.clean_fingerprint,
            "num_classes": source.num_classes,
            "image_shape": list(source.image_shape),
            "total": len(source.labels),
            "examples": self.examples,
            "seed": self.seed,
        }

    def _cell_ids(self, cell):
        return self.clean_ids if cell == CLEAN else self.ids

    def _read(self, cell, ids, size):
        if cell == CLEAN:
            chunks = self.source.clean_chunks(ids, size)
        else:
            chunks = self.source.chunks(*cell, ids, size)
        expected = len(self.labels(cell) if ids is None else ids)
        chunks, count = iter(chunks), 0
        for images in chunks:
            count += len(images)
            if count >= expected:  # There must be no others.
                count += sum(map(len, chunks))
            if count <= expected:
                yield images
        if count != expected:
            raise ValueError(
                f"source must have one image for each of {expected} labels, "
                f"got {count} images of {cell[0]}, severity {cell[1]}"
            )


def stratified_subset(
    labels, examples: int | None, seed: int = 0
) -> np.ndarray | None:
    """Selects examples with the class proportions of the whole set.

    The number of examples of each class is proportional to its frequency, to
    within one example.

    Args:
        labels: int array (total,).
        examples: number of examples to select; `None` or the total is all.
        seed: seed of the selection. Defaults to `0`.

    Returns:
        Increasing int array (examples,), or `None` for all.

    Raises:
        ValueError: `examples` is not an integer from 1 to the total.

    Example:
        ```python
        import numpy as np
        from kconsist.robustness._subset import stratified_subset

        ids = stratified_subset(np.arange(100) % 10, 20)
        assert np.all(np.bincount(ids % 10) == 2)
        ```
    """
    if examples is None:
        return None
    examples = _checks.as_integer("examples", examples)
    if examples > len(labels):
        raise ValueError(
            f"examples must be at most {len(labels)}, the size of the test "
            f"set, got {examples}"
        )
    if examples == len(labels):
        return None
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    classes, inverse, sizes = np.unique(
        labels, return_inverse=True, return_counts=True
    )
    # Image k of the n images of a class gets the rank (k + 1/2) / n, so the
    # lowest ranks are spread proportionally over the classes. Ties are broken
    # at random.
    rank = np.empty(len(labels))
    for index in range(len(classes)):
        members = order[inverse[order] == index]
        rank[members] = (np.arange(sizes[index]) + 0.5) / sizes[index]
    tie_breaker = rng.permutation(len(labels))
    return np.sort(np.lexsort((tie_breaker, rank))[:examples])
