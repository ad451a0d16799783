"""What determines a cell, and whether a finished one still holds.

A cell is read from a journal if its key is the same: a hash of the operations
from an image to its prediction, of all weights, and of all images and labels.
Code that TensorFlow does not see (`tf.py_function`) is in no hash, nor is the
code that makes generated images: so some images of each cell that is read are
evaluated again.
"""

import numpy as np

from kconsist.data.digests import digest

FORMAT = 2  # Raise it when older lines must not be read any more.
PROBE = 100
TOLERANCE = 0.01


def cell_keys(classifier, sample, cells) -> dict:
    """Returns for each cell a hash of what determines its predictions."""
    network = classifier.fingerprint()
    return {
        cell: digest(FORMAT, network, *cell, sample.fingerprint(cell))
        for cell in cells
    }


def probe(sample, cell, log_probability) -> dict:
    """Returns what tells whether a cell would be evaluated alike again.

    Args:
        sample: `Sample`.
        cell: `(corruption, severity)`.
        log_probability: float array (examples,), that of the true classes.
    """
    places = _places(len(log_probability))
    return {
        "images": digest(sample.images(cell, places)),
        "log_probability": log_probability[places].tolist(),
    }


def verify(journal, classifier, sample) -> None:
    """Evaluates some images of each finished cell again.

    Raises:
        ValueError: other images, or other predictions, than in the journal.
    """
    for cell, record in journal.records.items():
        labels = sample.labels(cell)
        places = _places(len(labels))
        images = sample.images(cell, places)
        if digest(images) != record["probe"]["images"]:
            _refuse(journal, cell, "other images from the same source")
        found = classifier(images, labels[places]).log_probability
        kept = record["probe"]["log_probability"]
        if not np.allclose(found, kept, rtol=TOLERANCE, atol=TOLERANCE):
            _refuse(
                journal,
                cell,
                "predictions of a model with the same weights and other "
                "outputs: a Python function in preprocess or in the model "
                "differs, or is random",
            )


def _places(count):
    """Returns up to `PROBE` places that are spread over all."""
    return np.linspace(0, count - 1, min(count, PROBE)).astype(int)


def _refuse(journal, cell, what):
    raise ValueError(
        f"{journal.path} must have cells that can be resumed, and for "
        f"{cell[0]}, severity {cell[1]}, it holds {what}; give another "
        "resume_file"
    )
