"""Keys of finished cells, and a check that they are still valid.

A cell is read from a journal if its key is the same: a hash of the operations
from an image to its prediction, of all weights, and of all images and labels.
The hash includes neither code that TensorFlow does not trace
(`tf.py_function`) nor the code that generates images. Therefore some images of
each cell that is read are evaluated again.
"""

import numpy as np

from kconsist.data import digest
from kconsist.robustness._read_ahead import read_ahead

FORMAT = 2  # Increase it to invalidate the lines of earlier versions.
PROBE_SIZE = 100
TOLERANCE = 0.01


def cell_keys(classifier, subset, cells) -> dict[tuple[str, int], str]:
    """Returns a hash of everything that determines a cell, for each cell."""
    network = classifier.fingerprint()
    fingerprints = subset.fingerprints(cells)
    return {
        cell: digest(FORMAT, network, *cell, fingerprints[cell])
        for cell in cells
    }


def probe_indices(count: int) -> np.ndarray:
    """Returns up to `PROBE_SIZE` evenly spaced indices of `count` images."""
    return np.linspace(0, count - 1, min(count, PROBE_SIZE)).astype(int)


def make_probe(images, log_probability) -> dict:
    """Returns what `verify` checks later.

    Args:
        images: uint8 array (probed, height, width, channels), the images of
            the cell at `probe_indices`.
        log_probability: float array (probed,), of the true classes.
    """
    return {
        "images": digest(images),
        "log_probability": log_probability.tolist(),
    }


def verify(journal, classifier, subset) -> None:
    """Evaluates some images of each finished cell again.

    Raises:
        ValueError: the images or the predictions differ from the journal.
    """
    with read_ahead(_read_probes(subset, journal.records)) as probes:
        for cell, images, labels in probes:
            probe = journal.get(cell)["probe"]
            if digest(images) != probe["images"]:
                content = "other images of the same source"
                raise _mismatch(journal, cell, content)
            found = classifier(images, labels).log_probability
            expected = probe["log_probability"]
            if not np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE):
                content = (
                    "predictions of a model with the same weights but other "
                    "outputs (a Python function in preprocess or in the model "
                    "has changed or is random)"
                )
                raise _mismatch(journal, cell, content)


def _read_probes(subset, cells):
    """Yields the cells, with the images and labels that are probed."""
    for cell in cells:
        labels = subset.labels(cell)
        indices = probe_indices(len(labels))
        yield cell, subset.images(cell, indices), labels[indices]


def _mismatch(journal, cell, content):
    return ValueError(
        f"{journal.path} must have cells of this evaluation, but for "
        f"{cell[0]}, severity {cell[1]}, it has {content}: pass another "
        "resume_file"
    )
