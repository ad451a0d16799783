"""Evaluates a network on every cell of the benchmark.

One compiled function handles all cells, the clean images first: an unexpected
clean accuracy reveals mistakes in the preprocessing early.
"""

import os
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

import kconsist
from kconsist.robustness._cell_evaluation import evaluate_cells
from kconsist.robustness._classifier import Classifier
from kconsist.robustness._journal import Journal, decode_classes
from kconsist.robustness._resumption import cell_keys, verify
from kconsist.robustness._subset import Subset
from kconsist.robustness.corruptions import GROUPS, SEVERITIES
from kconsist.robustness.corruptions._selection import select_cells
from kconsist.robustness.corruptions.names import CLEAN
from kconsist.robustness.reporting import Report
from kconsist.robustness.reporting._overlap import operation_names
from kconsist.robustness.sources import Source


def evaluate(
    model: keras.Model,
    source: Source,
    *,
    corruptions: str | Iterable[str] = "all",
    severities: Iterable[int] = SEVERITIES,
    examples: int | None = None,
    seed: int = 0,
    preprocess: Callable | None = None,
    from_logits: bool = True,
    batch_size: int = 250,
    resume_file: str | os.PathLike | None = None,
    name: str | None = None,
    augmentations=None,
    jit_compile: bool = False,
    verbose: int = 1,
) -> Report:
    """Evaluates a model on corrupted images.

    Args:
        model: built `keras.Model` from images (batch, height, width, channels)
            to logits or probabilities (batch, classes), or a trainer of this
            package, whose `inference_model` is evaluated. It is called with
            `training=False` and is not modified.
        source: `Generated`, `NpyFolder`, `TFDS` or `Arrays`. A second thread
            reads or generates the next images while the model is evaluated.
        corruptions: `"all"` 19, the `"main"` 15, the `"extra"` 4, or a list of
            names. Defaults to `"all"`.
        severities: ints from 1 to 5. Defaults to all five.
        examples: number of images per cell, the same ones in all cells, with
            the class proportions of the whole set. Defaults to all.
        seed: seed of the selection of these images. Defaults to `0`.
        preprocess: callable or layer from float32 images in 0 … 255 (batch,
            height, width, channels) to the input of the model, such as a resize
            or a normalization. It becomes part of the compiled function.
            Defaults to `None`.
        from_logits: whether the model returns logits rather than
            probabilities. Defaults to `True`.
        batch_size: images per forward pass. Defaults to `250`.
        resume_file: file (JSON lines) that finished cells are written to and
            read from. A finished cell is read if it was evaluated with the same
            operations, weights, batch size and images. Up to 100 images of each
            cell that is read are evaluated again, and it is an error if the
            predictions differ. Several models and processes may share a file.
            Defaults to `None`: an interrupted evaluation starts from the
            beginning.
        name: name of the model in tables. Defaults to the model's own name.
        augmentations: the training augmentation: views, layers, or names such
            as `"RandAugment"`, `"Brightness"`. The report lists the corruptions
            that overlap with the training augmentation. Defaults to `None`,
            unknown.
        jit_compile: whether to compile with XLA. Defaults to `False`.
        verbose: 1 shows a progress bar, 0 does not. Defaults to `1`.

    Returns:
        A `Report`.

    Raises:
        ValueError: before anything is computed, for an unknown corruption or
            severity, a model that does not fit the data, outputs that disagree
            with `from_logits`, a `resume_file` in another format, or one whose
            predictions the model does not reproduce. During the evaluation, for
            a model that predicts NaN, or a cell with too few or too many
            images.
        FileNotFoundError: a cell that the source does not have.

    Example:
        ```python
        import numpy as np
        from kconsist import models
        from kconsist.robustness import Arrays, evaluate

        images, labels = np.zeros((10, 32, 32, 3), "uint8"), np.arange(10)
        source = Arrays({("fog", 1): images}, labels, clean=(images, labels))
        report = evaluate(
            models.WideResNet(10, 1),
            source,
            corruptions=["fog"],
            severities=[1],
            batch_size=10,
            verbose=0,
        )
        assert report.row("fog", 1)["disagreement"] == 0
        ```
    """
    if not isinstance(source, Source):
        raise ValueError(
            "source must be Generated, NpyFolder, TFDS or Arrays, got "
            f"{type(source).__name__}"
        )
    if not isinstance(name, str | None):
        raise ValueError(f"name must be a str, got {name!r}")
    cells = select_cells(corruptions, severities)
    subset = Subset(source, examples, seed)
    source.check(cells)
    if source.clean is not None:
        cells = [CLEAN, *cells]
    augmentations = operation_names(augmentations)
    classifier = Classifier(
        model,
        source.image_shape,
        source.num_classes,
        batch_size=batch_size,
        preprocess=preprocess,
        from_logits=from_logits,
        jit_compile=jit_compile,
    )
    keys = {}
    if resume_file is not None:
        keys = cell_keys(classifier, subset, cells)
    journal = Journal(resume_file, keys)
    verify(journal, classifier, subset)
    evaluate_cells(classifier, subset, cells, journal, verbose)
    return _make_report(
        name or classifier.model.name, subset, cells, journal, augmentations
    )


def _make_report(name, subset, cells, journal, augmentations):
    source = subset.source
    classes = {
        cell: decode_classes(journal.get(cell)["classes"]) for cell in cells
    }
    rows = []
    for cell in cells:
        corruption, severity = cell
        disagreement = None
        if source.aligned and CLEAN in classes:
            disagreement = float(np.mean(classes[cell] != classes[CLEAN]))
        rows.append(
            {
                "model": name,
                "data": _data(source, corruption),
                "corruption": corruption,
                "group": _group(corruption),
                "severity": severity,
                "examples": len(classes[cell]),
                **journal.get(cell)["scores"],
                "disagreement": disagreement,
            }
        )
    correct = [classes[cell] == subset.labels(cell) for cell in cells]
    metadata = {
        **subset.metadata(),
        "augmentations": augmentations,
        "versions": {
            "kconsist": kconsist.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
    }
    return Report(name, rows, np.stack(correct), metadata)


def _group(corruption):
    groups = (group for group in GROUPS if corruption in GROUPS[group])
    return next(groups, "clean")


def _data(source, corruption):
    if corruption == CLEAN[0]:
        return "clean"
    if corruption == "frost" and source.procedural_frost:
        return f"{source.data}, procedural frost"
    return source.data
