"""The recipe and the benchmark run as scripts."""

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


def test_smoke_run_compares_two_models_and_resumes(tmp_path):
    result = run("evaluate_robustness.py", "--smoke", "--out", tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "gain over first" in result.stdout
    assert "Regenerated" in result.stdout
    first = Report.load(tmp_path / "report.json")
    second = Report.load(tmp_path / "report_2.json")
    assert first.model == "first" and second.model == "second"
    assert len(first.rows) == len(second.rows) == 20
    for end in ("csv", "md", "html"):
        assert "speckle_noise" in (tmp_path / f"report.{end}").read_text()
    picture = np.array(PIL.Image.open(tmp_path / "report.png"))
    assert picture.std() > 10
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    means = {row["%"]: row["first"] for row in results}
    name = "mean_accuracy_19_severity_5"
    assert means[name] == pytest.approx(100 * first.summary(name))
    cells = (tmp_path / "cells.jsonl").read_text()
    resumed = run("evaluate_robustness.py", "--smoke", "--out", tmp_path)
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert (tmp_path / "cells.jsonl").read_text() == cells


def test_a_saved_model_is_evaluated_on_digits(tmp_path):
    models.WideResNet(10, 1).save(tmp_path / "model.keras")
    flags = ("--dataset", "digits", "--examples", 20, "--severities", 1, 5)
    result = run(
        "evaluate_robustness.py",
        tmp_path / "model.keras",
        *(*flags, "--corruptions", "fog", "contrast"),
        *("--trained-with", "RandAugment", "--out", tmp_path / "out"),
    )
    assert result.returncode == 0, result.stderr[-2000:]
    report = Report.load(tmp_path / "out" / "report.json")
    assert report.model == "model" and len(report.rows) == 5
    assert "contrast*" in (tmp_path / "out" / "report.md").read_text()


def test_wrong_flags_raise(tmp_path):
    result = run("evaluate_robustness.py", "--out", tmp_path)
    assert result.returncode and "MODEL.keras" in result.stderr
    result = run(
        "evaluate_robustness.py",
        "--smoke",
        "--corruptions",
        "haze",
        "--out",
        tmp_path,
    )
    assert result.returncode
    assert "corruption must be one of" in result.stderr


def test_benchmark_prints_two_ratios():
    result = run("benchmarks/evaluator.py", "--smoke")
    assert result.returncode == 0, result.stderr[-2000:]
    ratios = [line for line in result.stdout.splitlines() if "ratio" in line]
    assert len(ratios) == 2
    assert all(float(line.split(": ")[1]) > 0 for line in ratios)
