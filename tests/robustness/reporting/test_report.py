"""The table, the summaries and the files of a report."""

import csv
import dataclasses
import json

import colored
import numpy as np
import pytest

from kconsist.robustness import (
    CORRUPTIONS,
    EXTRA,
    GROUPS,
    MAIN,
    SUMMARIES,
    Arrays,
    NpyFolder,
    Report,
    evaluate,
)
from kconsist.robustness.reporting.report import COLUMNS


@pytest.fixture
def report(npy_folder, model):
    """All 95 cells and the clean one, with 12 images."""
    source = NpyFolder(npy_folder, colored.examples(12))
    return evaluate(model, source, batch_size=12, verbose=0)


def mean(report, names, severities=(1, 2, 3, 4, 5), score="accuracy"):
    """The mean over the rows, as a loop."""
    total = count = 0
    for row in report.rows:
        if row["corruption"] in names and row["severity"] in severities:
            total += row[score]
            count += 1
    assert count == len(names) * len(severities)
    return total / count


def test_summaries_are_means_of_the_cells_they_name(report):
    expected = {
        "clean_accuracy": report.rows[0]["accuracy"],
        "mean_accuracy_15": mean(report, MAIN),
        "mean_accuracy_15_severity_5": mean(report, MAIN, [5]),
        "mean_accuracy_19": mean(report, CORRUPTIONS),
        "mean_accuracy_19_severity_5": mean(report, CORRUPTIONS, [5]),
        "mean_accuracy_extra_4": mean(report, EXTRA),
        "mean_accuracy_extra_4_severity_5": mean(report, EXTRA, [5]),
        "mean_corruption_error": mean(report, MAIN, score="error"),
        "gap_to_clean": report.rows[0]["accuracy"] - mean(report, MAIN),
        "mean_disagreement": mean(report, MAIN, score="disagreement"),
        "mean_nll_15": mean(report, MAIN, score="nll"),
        "mean_ece_15": mean(report, MAIN, score="ece"),
        "mean_rms_calibration_15": mean(report, MAIN, score="rms_calibration"),
    }
    for group, names in GROUPS.items():
        name = f"mean_accuracy_{group}_{len(names)}"
        expected[name] = mean(report, names)
        expected[f"{name}_severity_5"] = mean(report, names, [5])
    assert set(expected) == set(report.summaries) == set(SUMMARIES)
    for name, value in expected.items():
        assert report.summary(name) == pytest.approx(value), name
        assert report.summaries[name] == pytest.approx(value), name


def test_the_four_means_of_one_model_differ(report):
    """15 or 19 corruptions, severity 5 or all: four different numbers."""
    names = [
        f"mean_accuracy_{count}{end}"
        for count in (15, 19)
        for end in ("", "_severity_5")
    ]
    assert len({round(report.summary(name), 6) for name in names}) == 4
    assert report.summary("mean_accuracy_15") == pytest.approx(
        1 - report.summary("mean_corruption_error")
    )


def without(report, drop):
    cells = [cell for cell in report.cells if not drop(cell)]
    numbers = [report.cells.index(cell) for cell in cells]
    return Report(
        report.model,
        [report.rows[n] for n in numbers],
        report.correct[numbers],
        report.metadata,
    )


def test_summaries_require_all_of_their_cells(report):
    one_less = without(report, lambda cell: cell == ("fog", 3))
    assert "mean_accuracy_15" not in one_less.summaries
    assert "mean_accuracy_weather_5" not in one_less.summaries
    with pytest.raises(ValueError, match=r"1 cells .*\('fog', 3\)"):
        one_less.summary("mean_accuracy_15")
    assert "mean_accuracy_19_severity_5" in one_less.summaries
    assert "mean_accuracy_extra_4" in one_less.summaries
    no_clean = without(report, lambda cell: cell == ("clean", 0))
    for name in ("clean_accuracy", "gap_to_clean"):
        assert name not in no_clean.summaries
        with pytest.raises(ValueError, match="clean"):
            no_clean.summary(name)
    with pytest.raises(ValueError, match="summary must be one of"):
        report.summary("mean_accuracy")
    with pytest.raises(ValueError, match="fog, severity 3, was not"):
        one_less.row("fog", 3)


def test_disagreement_requires_aligned_clean_images(npy_folder, model):
    report = evaluate(model, NpyFolder(npy_folder), verbose=0)
    assert "mean_disagreement" not in report.summaries
    with pytest.raises(ValueError, match="in the order of the corrupted"):
        report.summary("mean_disagreement")


def test_the_csv_file_has_one_row_per_cell(report, tmp_path):
    report.to_csv(tmp_path / "report.csv")
    with (tmp_path / "report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 96
    for read, row in zip(rows, report.rows, strict=True):
        assert tuple(row) == COLUMNS
        assert read["corruption"] == row["corruption"]
        for name in ("accuracy", "nll", "disagreement"):
            assert float(read[name]) == row[name]
    report.to_csv(tmp_path / "both.csv", against=[report])
    both = (tmp_path / "both.csv").read_text().splitlines()
    assert len(both) == 1 + 2 * 96 and both[1:97] == both[97:]


def test_a_saved_report_loads(report, tmp_path):
    path = tmp_path / "new" / "report.json"
    report.to_json(path)
    loaded = Report.load(path)
    assert dataclasses.replace(loaded, correct=None) == dataclasses.replace(
        report, correct=None
    )
    np.testing.assert_array_equal(loaded.correct, report.correct)
    content = json.loads(path.read_text())
    assert content["summaries"] == report.summaries
    names = {path.name for path in path.parent.iterdir()}
    assert names == {"report.json", "report.hits.npy"}
    (path.parent / "report.hits.npy").unlink()
    partial = Report.load(path)
    assert partial.correct is None and partial.summaries == report.summaries


def test_numpy_numbers_are_saved(tmp_path, examples, model):
    images, labels = examples
    source = Arrays({("fog", 1): images}, labels, num_classes=np.int64(3))
    options = dict(corruptions="fog", severities=np.array([1]), verbose=0)
    seed = np.int64(4)
    report = evaluate(model, source, examples=12, seed=seed, **options)
    report.to_json(tmp_path / "report.json")
    metadata = Report.load(tmp_path / "report.json").metadata
    assert metadata["num_classes"] == 3 and metadata["seed"] == 4


def test_each_report_has_its_own_file_of_correct(report, tmp_path):
    """Also if a name has dots that are not followed by a file type."""
    other = dataclasses.replace(report, correct=~report.correct)
    paths = [tmp_path / name for name in ("a.1", "a.2", "a", "a.json.json")]
    for number, path in enumerate(paths):
        (other if number % 2 else report).to_json(path)
    for number, path in enumerate(paths):
        expected = (other if number % 2 else report).correct
        np.testing.assert_array_equal(Report.load(path).correct, expected)


def test_other_files_raise(report, tmp_path):
    path = tmp_path / "report.json"
    odd = '{"hits": null, "model": "m", "rows": 5, "about": {}}'
    for content in ("", "{}", "[1]", "not json", odd):
        path.write_text(content)
        with pytest.raises(ValueError, match="must be a report"):
            Report.load(path)
    report.to_json(path)
    np.save(tmp_path / "report.hits.npy", ~report.correct)
    with pytest.raises(ValueError, match="belongs to another report"):
        Report.load(path)
    for content in (b"", b"\x93NUMPY\x01\x00v\x00"):
        (tmp_path / "report.hits.npy").write_bytes(content)
        with pytest.raises(ValueError, match=r"hits\.npy must be the complete"):
            Report.load(path)
    np.save(tmp_path / "report.hits.npy", np.array([{}], object))
    with pytest.raises(ValueError):
        Report.load(path)
