"""The recipe and the benchmark run from their own files."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from kconsist import models
from kconsist.robustness import Report

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def run(script, *flags):
    return subprocess.run(
        [sys.executable, ROOT / "recipes" / script, *map(str, flags)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_smoke_compares_two_models_and_goes_on(tmp_path):
    found = run("evaluate_robustness.py", "--smoke", "--out", tmp_path)
    assert found.returncode == 0, found.stderr[-2000:]
    assert "more than first" in found.stdout
    assert "Regenerated" in found.stdout
    first = Report.load(tmp_path / "report.json")
    second = Report.load(tmp_path / "report_2.json")
    assert first.model == "first" and second.model == "second"
    assert len(first.rows) == len(second.rows) == 20
    for end in ("csv", "md", "html"):
        assert "speckle_noise" in (tmp_path / f"report.{end}").read_text()
    picture = np.array(PIL.Image.open(tmp_path / "report.png"))
    assert picture.std() > 10
    kept = json.loads((tmp_path / "results.json").read_text())["results"]
    means = {row["%"]: row["first"] for row in kept}
    name = "mean_accuracy_19_severity_5"
    assert means[name] == pytest.approx(100 * first.summary(name))
    cells = (tmp_path / "cells.jsonl").read_text()
    again = run("evaluate_robustness.py", "--smoke", "--out", tmp_path)
    assert again.returncode == 0, again.stderr[-2000:]
    assert (tmp_path / "cells.jsonl").read_text() == cells


def test_a_saved_model_is_judged_on_digits(tmp_path):
    models.WideResNet(10, 1).save(tmp_path / "model.keras")
    flags = ("--dataset", "digits", "--examples", 20, "--severities", 1, 5)
    found = run(
        "evaluate_robustness.py",
        tmp_path / "model.keras",
        *(*flags, "--corruptions", "fog", "contrast"),
        *("--trained-with", "RandAugment", "--out", tmp_path / "out"),
    )
    assert found.returncode == 0, found.stderr[-2000:]
    report = Report.load(tmp_path / "out" / "report.json")
    assert report.model == "model" and len(report.rows) == 5
    assert "contrast*" in (tmp_path / "out" / "report.md").read_text()


def test_wrong_flags_say_what_is_expected(tmp_path):
    found = run("evaluate_robustness.py", "--out", tmp_path)
    assert found.returncode and "MODEL.keras" in found.stderr
    found = run(
        "evaluate_robustness.py",
        "--smoke",
        "--corruptions",
        "haze",
        "--out",
        tmp_path,
    )
    assert found.returncode
    assert "corruption must be one of" in found.stderr


def test_benchmark_prints_two_ratios():
    found = run("benchmarks/evaluator.py", "--smoke")
    assert found.returncode == 0, found.stderr[-2000:]
    ratios = [line for line in found.stdout.splitlines() if "ratio" in line]
    assert len(ratios) == 2
    assert all(float(line.split(": ")[1]) > 0 for line in ratios)
