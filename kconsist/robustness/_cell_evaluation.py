"""Evaluates cells, while a thread reads or generates the next images."""

import keras
import numpy as np

from kconsist.robustness._classifier import Predictions
from kconsist.robustness._journal import encode_classes
from kconsist.robustness._metrics import score
from kconsist.robustness._read_ahead import read_ahead
from kconsist.robustness._resumption import make_probe, probe_indices

# Values of the images that are read at a time: 1,000 images of CIFAR-10.
CHUNK_VALUES = 1000 * 32 * 32 * 3


def evaluate_cells(classifier, subset, cells, journal, verbose=0) -> None:
    """Evaluates the cells that a journal lacks and adds them to it.

    The network runs in the thread of the caller, and the source is read in
    another one. Each cell is added before the next one is evaluated, so an
    error or an interruption affects only the cells that are not finished.

    Args:
        classifier: `Classifier`.
        subset: `Subset`.
        cells: list of `(corruption, severity)`.
        journal: `Journal`.
        verbose: 1 shows a progress bar, 0 does not. Defaults to `0`.

    Raises:
        ValueError: the network predicts NaN, or the source has too few or too
            many images.
    """
    progress = keras.utils.Progbar(
        len(cells), verbose=verbose, unit_name="cell"
    )
    missing = [cell for cell in cells if journal.get(cell) is None]
    size = _chunk_size(classifier.batch_size, subset.source.image_shape)
    chunks = (
        images for cell in missing for images in subset.chunks(cell, size)
    )
    with read_ahead(chunks) as chunks:
        for number, cell in enumerate(cells, start=1):
            record = journal.get(cell)
            if record is None:
                record = _evaluate_cell(classifier, subset, cell, chunks)
                journal.add(cell, record)
            progress.update(
                number, [("accuracy", record["scores"]["accuracy"])]
            )


def _chunk_size(batch_size, image_shape):
    """Returns whole batches, so that only the last one of a cell is padded."""
    images = CHUNK_VALUES // np.prod(image_shape)
    return max(1, images // batch_size) * batch_size


def _evaluate_cell(classifier, subset, cell, chunks):
    """Returns the record of a cell, whose images are the next chunks."""
    labels = subset.labels(cell)
    indices = probe_indices(len(labels))
    predictions, probed, start = [], [], 0
    while start < len(labels):
        images = next(chunks)
        stop = start + len(images)
        predictions.append(classifier(images, labels[start:stop]))
        here = indices[(indices >= start) & (indices < stop)]
        probed.append(images[here - start])
        start = stop
    predictions = Predictions.concatenate(predictions)
    if not np.isfinite(predictions.log_probability).all():
        logits = classifier.from_logits
        kind = "logits" if logits else "probabilities that sum to 1"
        raise ValueError(
            f"model {classifier.model.name!r} must predict finite {kind}, got "
            f"others on {cell[0]}, severity {cell[1]}"
        )
    correct = predictions.classes == labels
    return {
        "scores": score(
            correct, predictions.confidence, predictions.log_probability
        ),
        "classes": encode_classes(predictions.classes),
        "probe": make_probe(
            np.concatenate(probed), predictions.log_probability[indices]
        ),
    }
