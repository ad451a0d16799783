"""Keys of finished cells, and a check that they are still valid.

A cell is read from a journal if its key is the same: a hash of the operations
from an image to its prediction, of all weights, and of all images and labels.
The hash includes neither code that TensorFlow does not trace
(`tf.py_function`) nor the code that generates images. Therefore some images of
each cell that is read are evaluated again.
"""

import numpy as np

from kconsist.data import digest

FORMAT = 2  # Increase it to invalidate the lines of earlier versions.
PROBE_SIZE = 100
TOLERANCE = 0.01


def cell_keys(classifier, subset, cells) -> dict[tuple[str, int], str]:
    """Returns a hash of everything that determines a cell, for each cell."""
    network = classifier.fingerprint()
    return {
        cell: digest(FORMAT, network, *cell, subset.fingerprint(cell))
        for cell in cells
    }


def make_probe(subset, cell, log_probability) -> dict:
    """Returns the images and predictions that `verify` checks later.

    Args:
        subset: `Subset`.
        cell: `(corruption, severity)`.
        log_probability: float array (examples,), of the true classes.
    """
    indices = _probe_indices(len(log_probability))
    return {
        "images": digest(subset.images(cell, indices)),
        "log_probability": log_probability[indices].tolist(),
    }


def verify(journal, classifier, subset) -> None:
    """Evaluates some images of each finished cell again.

    Raises:
        ValueError: the images or the predictions differ from the journal.
    """
    for cell, record in journal.records.items():
        labels = subset.labels(cell)
        indices = _probe_indices(len(labels))
        images = subset.images(cell, indices)
        if digest(images) != record["probe"]["images"]:
            _raise_mismatch(journal, cell, "other images of the same source")
        new = classifier(images, labels[indices]).log_probability
        old = record["probe"]["log_probability"]
        if not np.allclose(new, old, rtol=TOLERANCE, atol=TOLERANCE):
            _raise_mismatch(
                journal,
                cell,
                "predictions of a model with the same weights but other "
                "outputs (a Python function in preprocess or in the model has "
                "changed or is random)",
            )


def _probe_indices(count):
    """Returns up to `PROBE_SIZE` evenly spaced indices."""
    return np.linspace(0, count - 1, min(count, PROBE_SIZE)).astype(int)


def _raise_mismatch(journal, cell, content):
    raise ValueError(
        f"{journal.path} must have cells of this evaluation, but for "
        f"{cell[0]}, severity {cell[1]}, it has {content}: pass another "
        "resume_file"
    )
