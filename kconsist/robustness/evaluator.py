"""Judges a network on every cell of the benchmark, with one compiled function.

Clean images come first, through the same path: a clean accuracy that is not
the expected one is the cheapest sign of a mistake in preprocessing.
"""

import keras
import numpy as np
import tensorflow as tf

import kconsist
from kconsist.robustness import request
from kconsist.robustness.classifier import Answers, Classifier
from kconsist.robustness.corruptions import GROUPS, SEVERITIES
from kconsist.robustness.journal import Journal, decode, encode
from kconsist.robustness.metrics import score
from kconsist.robustness.overlap import operations
from kconsist.robustness.report import CLEAN, Report
from kconsist.robustness.resumption import cell_keys, probe, verify
from kconsist.robustness.sample import Sample
from kconsist.robustness.sources import Source

CHUNK = 1000


def evaluate(
    model,
    source,
    *,
    corruptions="all",
    severities=SEVERITIES,
    examples: int | None = None,
    seed: int = 0,
    preprocess=None,
    from_logits: bool = True,
    batch_size: int = 250,
    resume_file=None,
    name: str | None = None,
    augmentations=None,
    jit_compile: bool = False,
    verbose: int = 1,
) -> Report:
    """Evaluates a model on corrupted images.

    Args:
        model: built `keras.Model` from images (batch, height, width, channels)
            to logits or probabilities (batch, classes). Of a trainer of this
            package, its `predictor` is judged. It is called with
            `training=False` and left as it is.
        source: `Generated`, `NpyFolder`, `TFDS` or `Arrays`.
        corruptions: `"all"` 19, the `"main"` 15, the `"extra"` 4, or a list of
            names. Defaults to `"all"`.
        severities: ints from 1 to 5. Defaults to all five.
        examples: how many images of each cell to look at, the same ones in
            all, each class in its share. Defaults to all.
        seed: seed of that choice. Defaults to `0`.
        preprocess: callable or layer from float32 images in 0 … 255 (batch,
            height, width, channels) to what the model takes: a resize, a
            normalization. It becomes part of the compiled function. Defaults
            to none.
        from_logits: whether the model ends in logits and not in
            probabilities. Defaults to `True`.
        batch_size: images a forward pass. Defaults to `250`.
        resume_file: file (JSON lines) that each finished cell is written to,
            and that finished cells are read from. A cell is read if it was
            evaluated with the same operations, weights, batch size and images;
            otherwise it is evaluated. Of each cell that is read up to 100
            images are evaluated again, and other predictions are an error.
            Several models and processes may share a file. Defaults to `None`:
            an interrupted evaluation starts anew.
        name: what the model is called in tables. Defaults to the model's own.
        augmentations: what the model was trained with: views, layers, or names
            such as `"RandAugment"`, `"Brightness"`. The report says which
            corruptions are then no news to the model. Defaults to `None`, not
            known.
        jit_compile: whether to compile by XLA. Defaults to `False`.
        verbose: 1 draws a progress bar, 0 draws none. Defaults to `1`.

    Returns:
        A `Report`.

    Raises:
        ValueError: before anything is computed, for an unknown corruption or
            severity, a model that does not fit the data, probabilities where
            logits are said to be, a `resume_file` of another kind, or one
            whose predictions the model does not repeat; later, for a model
            that predicts NaN.
        FileNotFoundError: for a cell that the source does not have.

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
    wanted = request.cells(corruptions, severities)
    sample = Sample(source, examples, seed)
    source.check(wanted)
    if source.clean is not None:
        wanted = [CLEAN, *wanted]
    augmentations = operations(augmentations)
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
        keys = cell_keys(classifier, sample, wanted)
    journal = Journal(resume_file, keys)
    _check_outputs(classifier, sample, wanted[0])
    verify(journal, classifier, sample)
    _evaluate_cells(classifier, sample, wanted, journal, verbose)
    return _report(
        name or classifier.model.name, sample, wanted, journal, augmentations
    )


def _check_outputs(classifier, sample, cell):
    """Checks one batch for logits or probabilities, before all else."""
    images = next(iter(sample.chunks(cell, classifier.batch_size)))
    classifier.check(images, sample.labels(cell)[: len(images)])


def _evaluate_cells(classifier, sample, cells, journal, verbose):
    progress = keras.utils.Progbar(
        len(cells), verbose=verbose, unit_name="cell"
    )
    for number, cell in enumerate(cells, start=1):
        record = journal.get(cell)
        if record is None:
            record = _evaluate_cell(classifier, sample, cell)
            journal.add(cell, record)
        progress.update(number, [("accuracy", record["scores"]["accuracy"])])


def _evaluate_cell(classifier, sample, cell):
    labels = sample.labels(cell)
    # Whole batches in each chunk: only the cell's last one is filled up.
    size = max(1, CHUNK // classifier.batch_size) * classifier.batch_size
    parts, start = [], 0
    for images in sample.chunks(cell, size):
        parts.append(classifier(images, labels[start : start + len(images)]))
        start += len(images)
    answers = Answers.concatenate(parts)
    if not np.isfinite(answers.log_probability).all():
        logits = classifier.from_logits
        kind = "logits" if logits else "probabilities that sum to 1"
        raise ValueError(
            f"model {classifier.model.name!r} must predict finite {kind}, got "
            f"others on {cell[0]}, severity {cell[1]}"
        )
    correct = answers.classes == labels
    scores = score(correct, answers.confidence, answers.log_probability)
    return {
        "scores": scores,
        "classes": encode(answers.classes),
        "probe": probe(sample, cell, answers.log_probability),
    }


def _report(name, sample, cells, journal, augmentations):
    source = sample.source
    classes = {cell: decode(journal.get(cell)["classes"]) for cell in cells}
    rows = []
    for corruption, severity in cells:
        found = classes[corruption, severity]
        disagreement = None
        if source.aligned and CLEAN in classes:
            disagreement = float(np.mean(found != classes[CLEAN]))
        rows.append(
            {
                "model": name,
                "data": _data(source, corruption),
                "corruption": corruption,
                "group": _group(corruption),
                "severity": severity,
                "examples": len(found),
                **journal.get((corruption, severity))["scores"],
                "disagreement": disagreement,
            }
        )
    hits = np.stack([classes[cell] == sample.labels(cell) for cell in cells])
    about = {
        **sample.about(),
        "augmentations": augmentations,
        "versions": {
            "kconsist": kconsist.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
    }
    return Report(name, rows, hits, about)


def _group(corruption):
    groups = (group for group in GROUPS if corruption in GROUPS[group])
    return next(groups, "clean")


def _data(source, corruption):
    if corruption == CLEAN[0]:
        return "clean"
    if corruption == "frost" and source.procedural_frost:
        return f"{source.data}, procedural frost"
    return source.data
