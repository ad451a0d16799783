"""Finished cells are not evaluated again, and never mixed up."""

import concurrent.futures
import json

import colored
import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.robustness import (
    Arrays,
    Generated,
    NpyFolder,
    _cell_evaluation,
    evaluate,
)
from kconsist.robustness._journal import (
    Journal,
    decode_classes,
    encode_classes,
)


@pytest.fixture
def counted(monkeypatch):
    """The cells that are evaluated."""
    cells = []
    original = _cell_evaluation._evaluate_cell

    def count(classifier, subset, cell, chunks):
        cells.append(cell)
        return original(classifier, subset, cell, chunks)

    monkeypatch.setattr(_cell_evaluation, "_evaluate_cell", count)
    return cells


@pytest.fixture
def resumable(source, model, tmp_path):
    def resumable(model=model, source=source, **options):
        file = tmp_path / "runs" / "cells.jsonl"
        return evaluate(
            model, source, resume_file=file, **{**colored.OPTIONS, **options}
        )

    resumable.file = tmp_path / "runs" / "cells.jsonl"
    resumable.source = source
    return resumable


def assert_same(report, other):
    assert report.rows == other.rows
    np.testing.assert_array_equal(report.correct, other.correct)


def test_a_second_run_evaluates_nothing(resumable, counted):
    first = resumable()
    assert len(counted) == 5
    assert_same(resumable(), first)
    assert len(counted) == 5
    fewer = resumable(corruptions=["fog"], severities=[5])
    assert len(counted) == 5 and len(fewer.rows) == 2


def test_an_interrupted_run_resumes(resumable, counted, monkeypatch):
    complete = resumable()
    resumable.file.unlink()
    counted.clear()
    original = _cell_evaluation._evaluate_cell

    def interrupted(classifier, subset, cell, chunks):
        if cell == ("saturate", 1):
            raise KeyboardInterrupt
        return original(classifier, subset, cell, chunks)

    with monkeypatch.context() as patched:
        patched.setattr(_cell_evaluation, "_evaluate_cell", interrupted)
        with pytest.raises(KeyboardInterrupt):
            resumable()
    assert counted == [("clean", 0), ("fog", 1), ("fog", 5)]
    counted.clear()
    assert_same(resumable(), complete)
    assert counted == [("saturate", 1), ("saturate", 5)]


def test_a_truncated_line_is_evaluated_again(resumable, counted):
    complete = resumable()
    content = resumable.file.read_bytes()
    last = content.rfind(b"\n", 0, -1) + 1
    for end in (last + 1, last + 40, len(content) - 2):
        resumable.file.write_bytes(content[:end])
        counted.clear()
        assert_same(resumable(), complete)
        assert counted == [("saturate", 5)]
        assert resumable.file.read_bytes() == (
            content[:end] + b"\n" + content[last:]
        )
        assert_same(resumable(), complete)
        assert len(counted) == 1
    resumable.file.write_bytes(content[:-1])  # Only the newline is missing.
    assert_same(resumable(), complete)
    assert len(counted) == 1


def test_models_and_settings_are_not_mixed_up(resumable, source, counted):
    first = resumable()
    other = colored.network(scale=-0.05)
    other_report = resumable(other)
    assert len(counted) == 10 and other_report.rows != first.rows
    resumable(examples=12)
    assert len(counted) == 15
    resumable(examples=12, seed=1)
    assert len(counted) == 20
    cells = {cell: 255 - images for cell, images in source.cells.items()}
    resumable(
        source=Arrays(cells, source.labels, (source.clean, source.labels))
    )
    assert len(counted) == 24  # The clean images are the same.
    assert_same(resumable(), first)
    assert_same(resumable(other), other_report)
    assert len(counted) == 24
    resumable(batch_size=30)
    assert len(counted) == 29


def invert_saturated(images):
    """Inverts images with a saturated pixel: about one in five here."""
    saturated = tf.reduce_any(images > 222, (1, 2, 3), keepdims=True)
    return tf.where(saturated, 255 - images, images)


@pytest.mark.parametrize(
    "preprocess",
    [
        lambda x: x / 255,
        lambda x: 255 - x,
        lambda x: x * 1.001,
        invert_saturated,
        keras.layers.Rescaling(-1.0),
        keras.layers.Normalization(mean=[9, 0, 0], variance=[1, 1, 1]),
    ],
)
def test_a_cell_of_another_preprocessing_is_not_read(
    resumable, model, source, counted, preprocess
):
    """Even if it changes only one cell, or other cells are evaluated."""
    without = evaluate(model, source, **colored.OPTIONS)
    resumable()
    options = dict(corruptions=["fog"], severities=[5], preprocess=preprocess)
    counted.clear()
    found = resumable(**options)
    assert len(counted) == 2
    expected = evaluate(model, source, **{**colored.OPTIONS, **options})
    assert_same(found, expected)
    assert expected.rows != [without.rows[0], without.rows[2]]
    assert_same(resumable(), without)


def test_a_cell_of_another_architecture_is_not_read(resumable, model, source):
    """The same weights, with another activation before them."""
    cut = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.ReLU(120.0)])
    other = keras.Model(cut.inputs, model(cut.outputs[0]), name=model.name)
    np.testing.assert_array_equal(other.weights[0], model.weights[0])
    first = resumable()
    expected = evaluate(other, source, **colored.OPTIONS)
    assert_same(resumable(other), expected)
    assert expected.rows != first.rows


def test_a_model_is_identified_by_its_computation(resumable, tmp_path, counted):
    """Regardless of its name, its layer names and how it was created."""
    first = resumable()
    twin = colored.network()
    twin.save(tmp_path / "twin.keras")
    counted.clear()
    assert_same(resumable(twin), first)
    assert_same(
        resumable(keras.models.load_model(tmp_path / "twin.keras")), first
    )
    assert resumable(name="another").model == "another"
    assert not counted


def by_numpy(function):
    """Preprocessing in code that TensorFlow does not trace."""

    def preprocess(images):
        outputs = tf.numpy_function(function, [images], tf.float32)
        return tf.ensure_shape(outputs, images.shape)

    return preprocess


def test_changes_outside_of_the_key_are_detected(resumable, source, counted):
    first = resumable(preprocess=by_numpy(lambda x: x))
    counted.clear()
    assert_same(resumable(preprocess=by_numpy(lambda x: x)), first)
    assert not counted
    fog = source.cells["fog", 5].astype("float32")

    def other(x):  # Differs for a few images of fog 5 only.
        is_fog = (x[:, None] == fog[None, 20:]).all((2, 3, 4)).any(1)
        return np.where(is_fog[:, None, None, None], 255 - x, x)

    message = "fog, severity 5, it has .* same weights but other outputs"
    with pytest.raises(ValueError, match=message):
        resumable(preprocess=by_numpy(other))
    assert not counted


def test_changed_images_are_detected(examples, model, tmp_path):
    """The same settings, but another implementation."""

    class Other(Generated):
        def _corrupt(self, *arguments):
            return 255 - super()._corrupt(*arguments)

    options = {**colored.OPTIONS, "resume_file": tmp_path / "cells.jsonl"}
    evaluate(model, Generated(*examples), **options)
    message = "fog, severity 1, it has other images"
    with pytest.raises(ValueError, match=message):
        evaluate(model, Other(*examples), **options)


@pytest.mark.parametrize("row", [0, 13, 37, 59])
def test_every_byte_of_a_folder_counts(npy_folder, model, counted, row):
    file = npy_folder / "cells.jsonl"
    options = dict(corruptions=["fog", "snow"], verbose=0, batch_size=12)
    evaluate(model, NpyFolder(npy_folder), resume_file=file, **options)
    images = np.load(npy_folder / "fog.npy")
    images[row, 3, 5, 1] ^= 255
    np.save(npy_folder / "fog.npy", images)
    counted.clear()
    source = NpyFolder(npy_folder)
    found = evaluate(model, source, resume_file=file, **options)
    assert counted == [("fog", 1 + row // 12)]
    assert_same(found, evaluate(model, source, **options))


def test_another_file_raises(resumable, model):
    resumable.file.parent.mkdir()
    for content in (
        *("a report\n", '{"key": 1}\n', "[1]\n", '{"a": 1\n{}\n'),
        *("a report", "\x89PNG", "null\n", '{"key": [], "corruption": 1}\n'),
    ):
        resumable.file.write_bytes(content.encode("latin-1"))
        with pytest.raises(ValueError, match="on line 1"):
            resumable()
        assert resumable.file.read_bytes() == content.encode("latin-1")
    with pytest.raises(ValueError, match="resume_file must be a file"):
        evaluate(
            model,
            resumable.source,
            resume_file=resumable.file.parent,
            **colored.OPTIONS,
        )


def test_an_empty_file_is_a_new_journal(resumable, counted):
    resumable.file.parent.mkdir()
    resumable.file.write_bytes(b"")
    resumable()
    assert len(counted) == 5


@pytest.mark.parametrize("between", ["", "\n", "\n\n", "\0\0\0", "\0\n"])
@pytest.mark.parametrize("length", [1, 9, 60, -2])
def test_a_truncated_line_affects_only_its_cell(tmp_path, between, length):
    """Truncated anywhere by a kill, and followed by another line."""
    file = tmp_path / "cells.jsonl"
    cells = [("fog", 1), ("fog", 2), ("snow", 5)]
    keys = {cell: f"{number:032x}" for number, cell in enumerate(cells)}
    journal = Journal(file, keys)
    for number, cell in enumerate(cells):
        journal.add(cell, {"scores": {"accuracy": number}, "classes": "AAAA"})
    first, second, third = file.read_text().splitlines()
    file.write_text(f"{first}\n{second[:length]}{between}{third}\n")
    found = Journal(file, keys)
    assert found.get(("fog", 1)) and found.get(("snow", 5))
    assert found.get(("fog", 2)) is None
    found.add(("fog", 2), {"scores": {}, "classes": "BBBB"})
    again = Journal(file, keys)
    assert again.get(("fog", 2))["classes"] == "BBBB"
    assert again.get(("snow", 5))["scores"] == {"accuracy": 2}


def test_processes_may_share_a_file(tmp_path):
    """Each record is one write, so lines do not interleave."""
    file = tmp_path / "cells.jsonl"
    keys = [
        {("fog", n): f"{writer}-{n}" for n in range(20)} for writer in range(4)
    ]

    def write(own):
        journal = Journal(file, own)
        for cell, key in own.items():
            journal.add(cell, {"classes": key * 5000})

    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(write, keys))
    for own in keys:
        found = Journal(file, own)
        assert {c: r["classes"] for c, r in found.records.items()} == {
            cell: key * 5000 for cell, key in own.items()
        }


def test_lines_of_an_earlier_version_are_ignored(resumable, counted):
    line = {"key": "1" * 32, "corruption": "probe", "severity": 0}
    line |= {"cell": ["clean", 0], "answers": [-1.0]}
    resumable.file.parent.mkdir()
    resumable.file.write_text(json.dumps(line) + "\n")
    resumable()
    assert len(counted) == 5
    assert json.loads(resumable.file.read_text().splitlines()[0]) == line


def test_a_failed_cell_keeps_the_finished_ones(npy_folder, model, tmp_path):
    """A file that fails during the evaluation affects only its cells."""

    class Failing(NpyFolder):
        def cell(self, corruption, severity):
            if corruption == "snow":
                raise OSError("the disk is gone")
            return super().cell(corruption, severity)

    file = tmp_path / "cells.jsonl"
    with pytest.raises(OSError, match="disk"):
        evaluate(model, Failing(npy_folder), resume_file=file, verbose=0)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    names = [line["corruption"] for line in lines]
    assert names.count("fog") == 0 and names.count("zoom_blur") == 5
    report = evaluate(model, NpyFolder(npy_folder), resume_file=file, verbose=0)
    assert len(report.rows) == 95
    assert len(file.read_text().splitlines()) == 95


@pytest.mark.parametrize("count", [1000, 100_000])
def test_encoded_classes_are_decoded(rng, count):
    classes = rng.integers(0, count, 50)
    np.testing.assert_array_equal(
        decode_classes(encode_classes(classes)), classes
    )
