"""The images that one evaluation looks at: a source, or a part of each cell."""

import numpy as np

from kconsist.data.digests import digest
from kconsist.data.inputs import whole_number
from kconsist.robustness.report import CLEAN
from kconsist.robustness.subset import stratified_subset


class Sample:
    """A source seen through one choice of examples, clean cell included."""

    def __init__(self, source, examples, seed):
        self.source = source
        self.seed = whole_number("seed", seed, 0)
        self.ids = stratified_subset(source.labels, examples, self.seed)
        self.examples = None if self.ids is None else len(self.ids)
        self.clean_ids = None
        if source.clean is not None:
            self.clean_ids = stratified_subset(
                source.clean_labels, examples, self.seed
            )

    def chunks(self, cell, size):
        """Yields the chosen images of a cell, `size` at a time."""
        return self._read(cell, self._chosen(cell), size)

    def images(self, cell, places):
        """Returns some of the chosen images of a cell.

        Args:
            cell: `(corruption, severity)`.
            places: increasing int array, places among the chosen images.
        """
        chosen = self._chosen(cell)
        ids = places if chosen is None else chosen[places]
        return np.concatenate(list(self._read(cell, ids, len(ids))))

    def labels(self, cell):
        """Returns the labels of the chosen images of a cell."""
        is_clean = cell == CLEAN
        labels = self.source.clean_labels if is_clean else self.source.labels
        chosen = self._chosen(cell)
        return labels if chosen is None else labels[chosen]

    def fingerprint(self, cell) -> str:
        """Returns a hash of the chosen images of a cell and of their labels."""
        if cell == CLEAN:
            images = self.source.clean_fingerprint
        else:
            images = self.source.cell_fingerprint(*cell)
        return digest(images, self.labels(cell), self._chosen(cell))

    def _chosen(self, cell):
        return self.clean_ids if cell == CLEAN else self.ids

    def _read(self, cell, ids, size):
        if cell == CLEAN:
            return self.source.clean_chunks(ids, size)
        return self.source.chunks(*cell, ids, size)

    def about(self) -> dict:
        """Returns what a report says of its images."""
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
