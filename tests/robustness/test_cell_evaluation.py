"""The evaluation in two threads equals one cell after the other."""

import json
import threading

import colored
import numpy as np
import pytest

from kconsist.data import digest
from kconsist.robustness import (
    SEVERITIES,
    Arrays,
    Generated,
    _cell_evaluation,
    _metrics,
    evaluate,
)
from kconsist.robustness._classifier import Classifier
from kconsist.robustness._journal import encode_classes
from kconsist.robustness._subset import Subset, stratified_subset

NAMES = ["gaussian_noise", "zoom_blur", "fog"]  # In this order.
BATCH_SIZE = 8


@pytest.fixture
def small_chunks(monkeypatch):
    """Two batches per chunk, so that a cell has several."""
    values = 2 * BATCH_SIZE * colored.SIDE**2 * 3
    monkeypatch.setattr(_cell_evaluation, "CHUNK_VALUES", values + 1)


def lines_by_hand(model, source, examples):
    """The lines of a journal, from whole cells in one thread, without keys."""
    ids = stratified_subset(source.labels, examples)
    ids = np.arange(len(source.labels)) if ids is None else ids
    labels = source.labels[ids]
    options = dict(preprocess=None, from_logits=True, jit_compile=False)
    shape = source.image_shape
    classifier = Classifier(model, shape, 3, batch_size=BATCH_SIZE, **options)
    rows = np.linspace(0, len(ids) - 1, min(len(ids), 100)).astype(int)
    lines = []
    for cell in [("clean", 0), *((n, s) for n in NAMES for s in SEVERITIES)]:
        is_clean = cell == ("clean", 0)
        images = source.clean if is_clean else source.cell(*cell)
        classes, confidence, logs = classifier(images[ids], labels)
        line = {"corruption": cell[0], "severity": cell[1]}
        line["scores"] = _metrics.score(classes == labels, confidence, logs)
        line["classes"] = encode_classes(classes)
        line["probe"] = {
            "images": digest(images[ids][rows]),
            "log_probability": logs[rows].tolist(),
        }
        lines.append(json.dumps(line).encode())
    return lines


@pytest.mark.parametrize(
    "count, examples", [(30, None), (230, None), (230, 150)]
)
def test_the_journal_is_that_of_one_thread(
    model, tmp_path, small_chunks, count, examples
):
    """Byte for byte, apart from the keys; 100 images are probed."""
    source = Generated(*colored.examples(count))
    file = tmp_path / "cells.jsonl"
    evaluate(
        model,
        source,
        corruptions=NAMES,
        examples=examples,
        batch_size=BATCH_SIZE,
        resume_file=file,
        verbose=0,
    )
    found = file.read_bytes().splitlines()
    keys = [json.loads(line)["key"] for line in found]
    heads = [b'{"key": "%s", ' % key.encode() for key in keys]
    expected = lines_by_hand(model, source, examples)
    assert found == [
        head + line[1:] for head, line in zip(heads, expected, strict=True)
    ]
    assert len(set(keys)) == len(keys)


def test_images_are_read_once(source, model, tmp_path, small_chunks):
    """By batches that fill chunks, apart from the last one of a cell."""
    sizes = []

    class Counted(Arrays):
        def chunks(self, *arguments):
            for images in super().chunks(*arguments):
                sizes.append(len(images))
                yield images

    counted = Counted(source.cells, source.labels)
    evaluate(model, counted, **colored.OPTIONS)
    assert sizes == 4 * [16, 14]
    sizes.clear()
    options = {**colored.OPTIONS, "resume_file": tmp_path / "cells.jsonl"}
    evaluate(model, counted, **options)
    # Once for the keys, and once for the evaluation.
    assert sizes == 4 * [30] + 4 * [16, 14]


@pytest.mark.parametrize(
    "batch_size, side, expected",
    [
        (250, 32, 1000),
        (300, 32, 900),
        (1000, 32, 1000),
        (2000, 32, 2000),
        (8, 224, 16),
        (64, 224, 64),
    ],
)
def test_a_chunk_has_whole_batches(batch_size, side, expected):
    """As many as 1,000 images of CIFAR-10 fill, and at least one."""
    found = _cell_evaluation._chunk_size(batch_size, (side, side, 3))
    assert found == expected


class Interrupted(Arrays):
    """Fails in the second chunk of one cell."""

    def chunks(self, corruption, severity, ids=None, size=1000):
        chunks = super().chunks(corruption, severity, ids, size)
        yield next(chunks)
        if (corruption, severity) == ("saturate", 1):
            raise self.error
        yield from chunks


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, MemoryError])
def test_an_error_of_the_source_keeps_the_cells_before_it(
    source, model, tmp_path, small_chunks, error
):
    file = tmp_path / "cells.jsonl"
    options = {**colored.OPTIONS, "resume_file": file}
    evaluate(model, Arrays(source.cells, source.labels), **options)
    expected = file.read_bytes().splitlines(keepends=True)
    file.unlink()
    broken = Interrupted(source.cells, source.labels)
    broken.error = error("broken")
    # The keys are of all images, and are hashed first.
    broken.cell_fingerprint = Arrays(
        source.cells, source.labels
    ).cell_fingerprint
    with pytest.raises(error, match="broken"):
        evaluate(model, broken, **options)
    assert file.read_bytes() == b"".join(expected[:2])
    assert threading.active_count() == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_of_the_network_keeps_the_cells_before_it(
    source, model, tmp_path, monkeypatch, small_chunks, error
):
    file = tmp_path / "cells.jsonl"
    options = {**colored.OPTIONS, "resume_file": file}
    evaluate(model, source, **options)
    expected = file.read_bytes().splitlines(keepends=True)
    file.unlink()
    original, calls = Classifier.__call__, []

    def fail(self, images, labels):
        calls.append(len(images))
        if len(calls) == 6:  # In the second of two chunks of fog 5.
            raise error("broken")
        return original(self, images, labels)

    monkeypatch.setattr(Classifier, "__call__", fail)
    with pytest.raises(error, match="broken"):
        evaluate(model, source, **options)
    assert file.read_bytes() == b"".join(expected[:2])
    assert threading.active_count() == 1


@pytest.mark.parametrize("change", [-30, -16, -1, 1, 16])
@pytest.mark.parametrize("cell", [("clean", 0), ("fog", 5), ("saturate", 5)])
def test_a_wrong_number_of_images_raises(
    source, model, small_chunks, cell, change
):
    """Even in the last cell, and for a source that yields no images."""
    images = source.clean if cell == ("clean", 0) else source.cells[cell]
    wrong = np.resize(images, (30 + change, *images.shape[1:]))

    class Wrong(Arrays):
        def chunks(self, corruption, severity, ids=None, size=1000):
            if cell != (corruption, severity):
                return super().chunks(corruption, severity, ids, size)
            return (wrong[n : n + size] for n in range(0, len(wrong), size))

        def clean_chunks(self, ids=None, size=1000):
            if cell != ("clean", 0):
                return super().clean_chunks(ids, size)
            return (wrong[n : n + size] for n in range(0, len(wrong), size))

    clean = source.clean, source.labels
    message = (
        f"one image for each of 30 labels, got {30 + change} images of "
        f"{cell[0]}, severity {cell[1]}"
    )
    with pytest.raises(ValueError, match=message):
        evaluate(
            model, Wrong(source.cells, source.labels, clean), **colored.OPTIONS
        )


def test_a_chunk_after_the_last_image_raises(source, model, small_chunks):
    """Even in the last cell, whose last chunk nothing follows."""

    class Wrong(Arrays):
        def chunks(self, corruption, severity, ids=None, size=1000):
            yield from super().chunks(corruption, severity, ids, size)
            if (corruption, severity) == ("saturate", 5):
                yield self.cells[corruption, severity][:1]

    wrong = Wrong(source.cells, source.labels)
    with pytest.raises(ValueError, match="got 31 images of saturate, sev"):
        evaluate(model, wrong, **colored.OPTIONS)


def test_a_subset_counts_its_own_images(source):
    """A source that ignores `ids` has too many images."""

    class Wrong(Arrays):
        def chunks(self, corruption, severity, ids=None, size=1000):
            return super().chunks(corruption, severity, None, size)

    subset = Subset(Wrong(source.cells, source.labels), 12, 0)
    with pytest.raises(ValueError, match="each of 12 labels, got 30 images"):
        list(subset.chunks(("fog", 1), 8))


def test_clean_images_are_hashed_once(examples, model, tmp_path, monkeypatch):
    """For all keys together; and once each for the report's two hashes."""
    source = Generated(*examples)
    calls = []
    monkeypatch.setattr(
        Generated,
        "clean_fingerprint",
        property(lambda self: calls.append(1) or "hash"),
    )
    options = dict(batch_size=8, verbose=0, severities=[1])
    evaluate(model, source, **options)
    without_keys = len(calls)
    evaluate(model, source, resume_file=tmp_path / "cells.jsonl", **options)
    assert len(calls) == 2 * without_keys + 2  # The source's, and clean's.


def test_fingerprints_of_cells_agree(examples):
    source = Generated(*examples)
    cells = [("fog", 1), ("fog", 2), ("snow", 1)]
    found = source.cell_fingerprints(cells)
    assert found == {cell: source.cell_fingerprint(*cell) for cell in cells}
    assert len(set(found.values())) == 3
    assert list(found.values()) == [
        digest(source.fingerprint, *cell) for cell in cells
    ]
