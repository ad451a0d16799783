"""Nothing that was computed is computed again, and nothing is mixed up."""

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
    evaluate,
    evaluator,
)
from kconsist.robustness.journal import Journal, decode, encode

WHERE = "_evaluate_cell"


@pytest.fixture
def counted(monkeypatch):
    """The cells that are computed."""
    cells = []
    original = evaluator._evaluate_cell

    def count(classifier, sample, cell):
        cells.append(cell)
        return original(classifier, sample, cell)

    monkeypatch.setattr(evaluator, WHERE, count)
    return cells


@pytest.fixture
def judge(source, model, tmp_path):
    def judge(model=model, source=source, **options):
        file = tmp_path / "runs" / "cells.jsonl"
        return evaluate(
            model, source, resume_file=file, **{**colored.OPTIONS, **options}
        )

    judge.file = tmp_path / "runs" / "cells.jsonl"
    judge.source = source
    return judge


def assert_same(report, other):
    assert report.rows == other.rows
    np.testing.assert_array_equal(report.hits, other.hits)


def test_a_second_run_computes_nothing(judge, counted):
    first = judge()
    assert len(counted) == 5
    assert_same(judge(), first)
    assert len(counted) == 5
    fewer = judge(corruptions=["fog"], severities=[5])
    assert len(counted) == 5 and len(fewer.rows) == 2


def test_an_interrupted_run_goes_on(judge, counted, monkeypatch):
    whole = judge()
    judge.file.unlink()
    counted.clear()
    original = evaluator._evaluate_cell

    def interrupted(classifier, sample, cell):
        if cell == ("saturate", 1):
            raise KeyboardInterrupt
        return original(classifier, sample, cell)

    with monkeypatch.context() as patched:
        patched.setattr(evaluator, WHERE, interrupted)
        with pytest.raises(KeyboardInterrupt):
            judge()
    assert counted == [("clean", 0), ("fog", 1), ("fog", 5)]
    counted.clear()
    assert_same(judge(), whole)
    assert counted == [("saturate", 1), ("saturate", 5)]


def test_a_line_that_was_cut_off_is_computed_again(judge, counted):
    whole = judge()
    content = judge.file.read_bytes()
    last = content.rfind(b"\n", 0, -1) + 1
    for end in (last + 1, last + 40, len(content) - 2):
        judge.file.write_bytes(content[:end])
        counted.clear()
        assert_same(judge(), whole)
        assert counted == [("saturate", 5)]
        assert judge.file.read_bytes() == (
            content[:end] + b"\n" + content[last:]
        )
        assert_same(judge(), whole)
        assert len(counted) == 1
    judge.file.write_bytes(content[:-1])  # The line itself is whole.
    assert_same(judge(), whole)
    assert len(counted) == 1


def test_models_and_settings_are_not_mixed(judge, source, counted):
    first = judge()
    other = colored.network(scale=-0.05)
    apart = judge(other)
    assert len(counted) == 10 and apart.rows != first.rows
    judge(examples=12)
    assert len(counted) == 15
    judge(examples=12, seed=1)
    assert len(counted) == 20
    cells = {cell: 255 - images for cell, images in source.cells.items()}
    judge(source=Arrays(cells, source.labels, (source.clean, source.labels)))
    assert len(counted) == 24  # The clean images are the same.
    assert_same(judge(), first)
    assert_same(judge(other), apart)
    assert len(counted) == 24
    judge(batch_size=30)
    assert len(counted) == 29


def invert_saturated(images):
    """Inverts images with a saturated pixel: about one of five here."""
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
    judge, model, source, counted, preprocess
):
    """Even where it changes but one cell, or other cells were asked for."""
    without = evaluate(model, source, **colored.OPTIONS)
    judge()
    options = dict(corruptions=["fog"], severities=[5], preprocess=preprocess)
    counted.clear()
    found = judge(**options)
    assert len(counted) == 2
    wanted = evaluate(model, source, **{**colored.OPTIONS, **options})
    assert_same(found, wanted)
    assert wanted.rows != [without.rows[0], without.rows[2]]
    assert_same(judge(), without)


def test_a_cell_of_another_architecture_is_not_read(judge, model, source):
    """The same weights with another activation behind them."""
    cut = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.ReLU(120.0)])
    other = keras.Model(cut.inputs, model(cut.outputs[0]), name=model.name)
    np.testing.assert_array_equal(other.weights[0], model.weights[0])
    first = judge()
    wanted = evaluate(other, source, **colored.OPTIONS)
    assert_same(judge(other), wanted)
    assert wanted.rows != first.rows


def test_a_model_is_known_by_what_it_computes(judge, tmp_path, counted):
    """Whatever its name, its layers' names or the process that made it."""
    first = judge()
    twin = colored.network()
    twin.save(tmp_path / "twin.keras")
    counted.clear()
    assert_same(judge(twin), first)
    assert_same(judge(keras.models.load_model(tmp_path / "twin.keras")), first)
    assert judge(name="another").model == "another"
    assert not counted


def by_numpy(function):
    """A preprocessing whose code TensorFlow does not see."""

    def preprocess(images):
        found = tf.numpy_function(function, [images], tf.float32)
        return tf.ensure_shape(found, images.shape)

    return preprocess


def test_what_no_key_holds_is_told_by_its_predictions(judge, source, counted):
    first = judge(preprocess=by_numpy(lambda x: x))
    counted.clear()
    assert_same(judge(preprocess=by_numpy(lambda x: x)), first)
    assert not counted
    fog = source.cells["fog", 5].astype("float32")

    def other(x):  # The same for all but a few images of fog 5.
        known = (x[:, None] == fog[None, 20:]).all((2, 3, 4)).any(1)
        return np.where(known[:, None, None, None], 255 - x, x)

    words = "fog, severity 5, it holds .* same weights and other outputs"
    with pytest.raises(ValueError, match=words):
        judge(preprocess=by_numpy(other))
    assert not counted


def test_images_that_no_longer_come_out_are_told(examples, model, tmp_path):
    """The same settings, and another code behind them."""

    class Other(Generated):
        def _corrupted(self, *arguments):
            return 255 - super()._corrupted(*arguments)

    options = {**colored.OPTIONS, "resume_file": tmp_path / "cells.jsonl"}
    evaluate(model, Generated(*examples), **options)
    words = "fog, severity 1, it holds other images"
    with pytest.raises(ValueError, match=words):
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


def test_another_file_is_refused(judge, model):
    judge.file.parent.mkdir()
    for content in (
        *("a report\n", '{"key": 1}\n', "[1]\n", '{"a": 1\n{}\n'),
        *("a report", "\x89PNG", "null\n", '{"key": [], "corruption": 1}\n'),
    ):
        judge.file.write_bytes(content.encode("latin-1"))
        with pytest.raises(ValueError, match="on line 1"):
            judge()
        assert judge.file.read_bytes() == content.encode("latin-1")
    with pytest.raises(ValueError, match="resume_file must be a file"):
        evaluate(
            model,
            judge.source,
            resume_file=judge.file.parent,
            **colored.OPTIONS,
        )


def test_an_empty_file_is_a_new_one(judge, counted):
    judge.file.parent.mkdir()
    judge.file.write_bytes(b"")
    judge()
    assert len(counted) == 5


@pytest.mark.parametrize("between", ["", "\n", "\n\n", "\0\0\0", "\0\n"])
@pytest.mark.parametrize("kept", [1, 9, 60, -2])
def test_a_torn_line_costs_its_own_cell_alone(tmp_path, between, kept):
    """Cut anywhere by a kill, and another line behind it."""
    file = tmp_path / "cells.jsonl"
    cells = [("fog", 1), ("fog", 2), ("snow", 5)]
    keys = {cell: f"{number:032x}" for number, cell in enumerate(cells)}
    journal = Journal(file, keys)
    for number, cell in enumerate(cells):
        journal.add(cell, {"scores": {"accuracy": number}, "classes": "AAAA"})
    first, second, third = file.read_text().splitlines()
    file.write_text(f"{first}\n{second[:kept]}{between}{third}\n")
    found = Journal(file, keys)
    assert found.get(("fog", 1)) and found.get(("snow", 5))
    assert found.get(("fog", 2)) is None
    found.add(("fog", 2), {"scores": {}, "classes": "BBBB"})
    again = Journal(file, keys)
    assert again.get(("fog", 2))["classes"] == "BBBB"
    assert again.get(("snow", 5))["scores"] == {"accuracy": 2}


def test_processes_may_share_a_file(tmp_path):
    """Each record is one write: lines of several writers do not mix."""
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


def test_lines_of_an_earlier_version_are_left_alone(judge, counted):
    line = {"key": "1" * 32, "corruption": "probe", "severity": 0}
    line |= {"cell": ["clean", 0], "answers": [-1.0]}
    judge.file.parent.mkdir()
    judge.file.write_text(json.dumps(line) + "\n")
    judge()
    assert len(counted) == 5
    assert json.loads(judge.file.read_text().splitlines()[0]) == line


def test_a_broken_cell_keeps_the_finished_ones(npy_folder, model, tmp_path):
    """A file that breaks while it is evaluated costs its own cells alone."""

    class Breaking(NpyFolder):
        def cell(self, corruption, severity):
            if corruption == "snow":
                raise OSError("the disk is gone")
            return super().cell(corruption, severity)

    file = tmp_path / "cells.jsonl"
    with pytest.raises(OSError, match="disk"):
        evaluate(model, Breaking(npy_folder), resume_file=file, verbose=0)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    names = [line["corruption"] for line in lines]
    assert names.count("fog") == 0 and names.count("zoom_blur") == 5
    report = evaluate(model, NpyFolder(npy_folder), resume_file=file, verbose=0)
    assert len(report.rows) == 95
    assert len(file.read_text().splitlines()) == 95


@pytest.mark.parametrize("count", [1000, 100_000])
def test_classes_are_kept(rng, count):
    classes = rng.integers(0, count, 50)
    np.testing.assert_array_equal(decode(encode(classes)), classes)
