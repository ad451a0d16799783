"""The images that one evaluation looks at: a source, or a part of each cell."""

from kconsist.robustness.report import CLEAN
from kconsist.robustness.subset import stratified_subset


class Sample:
    """A source seen through one choice of examples, clean cell included."""

    def __init__(self, source, examples, seed):
        self.source = source
        self.seed = seed
        self.ids = stratified_subset(source.labels, examples, seed)
        self.examples = None if self.ids is None else len(self.ids)
        self.clean_ids = None
        if source.clean is not None:
            self.clean_ids = stratified_subset(
                source.clean_labels, examples, seed
            )

    def chunks(self, cell, size):
        """Yields the chosen images of a cell, `size` at a time."""
        if cell == CLEAN:
            return self.source.clean_chunks(self.clean_ids, size)
        return self.source.chunks(*cell, self.ids, size)

    def labels(self, cell):
        """Returns the labels of the chosen images of a cell."""
        if cell == CLEAN:
            ids, labels = self.clean_ids, self.source.clean_labels
        else:
            ids, labels = self.ids, self.source.labels
        return labels if ids is None else labels[ids]

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
