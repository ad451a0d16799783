"""Nothing that was computed is computed again, and nothing is mixed up."""

import json

import colored
import numpy as np
import pytest

from kconsist.robustness import Arrays, NpyFolder, evaluate, evaluator
from kconsist.robustness.journal import decode, encode

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
    for end in (last + 1, last + 40, len(content) - 1):
        judge.file.write_bytes(content[:end])
        counted.clear()
        assert_same(judge(), whole)
        assert counted == [("saturate", 5)]
        assert judge.file.read_bytes() == content


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
    assert len(counted) == 25
    assert_same(judge(), first)
    assert_same(judge(other), apart)
    assert len(counted) == 25


def test_another_preprocessing_of_the_same_weights_is_told(judge):
    judge()
    with pytest.raises(ValueError, match="same weights and other outputs"):
        judge(preprocess=lambda x: x / 255)
    with pytest.raises(ValueError, match="same weights and other outputs"):
        judge(preprocess=lambda x: 255 - x)
    judge(preprocess=lambda x: x + 0)


def test_another_file_is_refused(judge, model):
    judge.file.parent.mkdir()
    for content in ("a report\n", '{"key": 1}\n', "[1]\n", '{"a": 1\n{}\n'):
        judge.file.write_text(content)
        with pytest.raises(ValueError, match="on line 1"):
            judge()
        assert judge.file.read_text() == content


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
    assert len(file.read_text().splitlines()) == 96  # With one probe.


def test_classes_are_kept(rng):
    classes = rng.integers(0, 1000, 50)
    np.testing.assert_array_equal(decode(encode(classes)), classes)
