"""Every recipe runs with `--smoke`, and leaves its files."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import PIL.Image
import pytest
from run_recipe import RECIPES, results, run

from kconsist import data

# Fewer images and corruptions than `--smoke` on its own.
SMALL = ("--strategy", "none", "--batch-size", "16")


def assert_saved(path, accuracy):
    """The file has the network whose accuracy was printed."""
    _, test = data.load("digits")
    logits = keras.models.load_model(path).predict(test.images, verbose=0)
    found = 100 * np.mean(logits.argmax(-1) == test.labels)
    assert found == pytest.approx(accuracy, abs=0.5)


def test_half_moons_saves_its_boundaries(monkeypatch, tmp_path):
    run(monkeypatch, "half_moons.py", "--strategy", "none", folder=tmp_path)
    assert [row["seed"] for row in results(tmp_path)] == ["0", "mean", "worst"]
    picture = np.array(PIL.Image.open(tmp_path / "boundaries.png"))
    assert picture.std() > 10


@pytest.mark.slow
def test_self_training_saves_networks_and_a_report(
    monkeypatch, tmp_path, capsys
):
    flags = (*SMALL, "--generations", "2", "--corruptions", "fog", "contrast")
    run(monkeypatch, "self_training.py", *flags, folder=tmp_path)
    rows = results(tmp_path)
    networks = [row["network"] for row in rows]
    assert networks == [
        "RandAugment, no teacher",
        "flips and crops, no teacher",
        "student, generation 1",
        "student, generation 2",
    ]
    printed = capsys.readouterr().out
    for name in networks:
        assert name in printed
    assert "gain over RandAugment, no teacher" in printed
    for file, row in (("strong", 0), ("weak", 1), ("student", 3)):
        accuracy = rows[row]["clean accuracy, %"]
        assert_saved(tmp_path / f"{file}.keras", accuracy)
    assert "data:image/svg" in (tmp_path / "report.html").read_text()
    picture = np.array(PIL.Image.open(tmp_path / "views.png"))
    assert picture.std() > 10


def image_folder(folder, rng):
    """Two classes, dark and bright, as PNG files."""
    for name, low in (("dark", 0), ("bright", 155)):
        (folder / name).mkdir(parents=True)
        for i in range(24):
            pixels = rng.integers(low, low + 100, (32, 32, 3), "uint8")
            PIL.Image.fromarray(pixels).save(folder / name / f"{i}.png")


@pytest.mark.slow
def test_self_training_takes_a_folder_of_images(
    monkeypatch, tmp_path, capsys, rng
):
    image_folder(tmp_path / "images", rng)
    run(
        monkeypatch,
        "self_training.py",
        *SMALL,
        *("--dataset", tmp_path / "images", "--labels", "8"),
        *("--noise", "AugMix", "--teacher-view", "weak"),
        *("--corruptions", "fog", "contrast"),
        folder=tmp_path / "out",
    )
    printed = capsys.readouterr().out
    assert "AugMix, no teacher" in printed
    assert "gain over flips and crops, no teacher" in printed
    page = (tmp_path / "out" / "report.md").read_text()
    assert "no teacher: Trained with FlipCrop: no known overlap" in page
    assert "AugMix, no teacher: These corruptions overlap" in page
    student = keras.models.load_model(tmp_path / "out" / "student.keras")
    assert student.output_shape == (None, 2)


@pytest.mark.slow
def test_semi_supervised_saves_both_networks(monkeypatch, tmp_path):
    run(monkeypatch, "semi_supervised.py", *SMALL, folder=tmp_path)
    first, mean = results(tmp_path)
    assert list(first) == ["seed", "supervised", "fixmatch"]
    assert mean["seed"] == "mean"
    for name in ("supervised", "fixmatch"):
        assert_saved(tmp_path / f"{name}.keras", first[name])


@pytest.mark.slow
def test_every_method_runs_the_methods_that_are_named(monkeypatch, tmp_path):
    """An index of images, two weak views, and the baseline's predictions."""
    methods = ("temporal_ensembling", "noisy_student")
    flags = (*SMALL, "--method", *methods)
    run(monkeypatch, "studies/every_method.py", *flags, folder=tmp_path)
    row = results(tmp_path)[0]
    assert list(row) == ["seed", "supervised", *methods]
    for name in list(row)[1:]:
        assert_saved(tmp_path / f"{name}.keras", row[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "methods, shift",
    [
        (["self_ensembling", "minimum_class_confusion"], "fog"),
        (["adversarial_dropout"], "inverted"),
    ],
)
def test_domain_adaptation_prints_the_source_only(
    methods, shift, monkeypatch, tmp_path
):
    flags = (*SMALL, "--method", *methods, "--shift", shift)
    run(monkeypatch, "domain_adaptation.py", *flags, folder=tmp_path)
    assert list(results(tmp_path)[0]) == [
        "seed",
        "source only, on the source",
        "source only",
        *methods,
    ]
    for method in ("source_only", *methods):
        assert (tmp_path / f"{method}.keras").exists()


@pytest.mark.slow
def test_noisy_student_prints_a_row_for_each_generation(monkeypatch, tmp_path):
    flags = ("--generations", "2", "--threshold", "0", "--per-class", "20")
    run(monkeypatch, "noisy_student.py", *SMALL, *flags, folder=tmp_path)
    rows = results(tmp_path)
    assert [row["network"] for row in rows] == [
        "teacher, labels only",
        "student, generation 1",
        "student, generation 2",
    ]
    assert_saved(tmp_path / "teacher.keras", rows[0]["accuracy, %"])
    assert_saved(tmp_path / "student.keras", rows[2]["accuracy, %"])


@pytest.mark.slow
def test_what_the_teacher_adds_resumes_after_finished_rows(
    monkeypatch, tmp_path, capsys
):
    script = "studies/what_the_teacher_adds.py"
    flags = (*SMALL, "--labels", "100", "--seeds", "1", "--only", "RandAugment")
    run(monkeypatch, script, *flags, folder=tmp_path)
    rows = results(tmp_path)
    assert len(rows) == 1
    title = "100 labels, RandAugment, 0"
    assert title in capsys.readouterr().out
    run(monkeypatch, script, *flags, folder=tmp_path)
    assert results(tmp_path) == rows
    assert title not in capsys.readouterr().out  # Nothing was trained again.
    with pytest.raises(SystemExit, match="rows of --width 1, got 2"):
        run(monkeypatch, script, *flags, "--width", "2", folder=tmp_path)
    assert results(tmp_path) == rows


@pytest.mark.slow
def test_operations_are_shown(monkeypatch, tmp_path):
    run(monkeypatch, "show_views.py", "--out", tmp_path / "views.png")
    assert np.array(PIL.Image.open(tmp_path / "views.png")).std() > 10


@pytest.mark.slow
def test_benchmark_of_the_pipeline_prints_a_ratio(monkeypatch, capsys):
    run(monkeypatch, "benchmarks/pipeline.py")
    assert float(capsys.readouterr().out.split("ratio: ")[1]) > 0


@pytest.mark.slow
def test_benchmark_of_fit_prints_shares(monkeypatch, capsys):
    run(monkeypatch, "benchmarks/fit_overhead.py")
    lines = capsys.readouterr().out.splitlines()
    for name in "semi_supervised", "own data set":
        line = next(line for line in lines if line.startswith(f"{name}, fit:"))
        assert float(line.split()[-5]) < 100


@pytest.mark.slow
def test_benchmark_of_steps_prints_a_row_for_each_method(monkeypatch, capsys):
    run(monkeypatch, "benchmarks/train_step.py")
    lines = capsys.readouterr().out.splitlines()
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]
    steps = [row[header.index("step")] for row in rows]
    methods = "FixMatch", "MeanTeacher", "SimCLR"
    assert steps == [f"{method}, WRN-10-1" for method in methods]
    has_torch = importlib.util.find_spec("torch") is not None
    assert ("PyTorch / kconsist" in header) == has_torch
    assert any("not installed" in line for line in lines) != has_torch
    for row in rows:
        assert float(row[header.index("kconsist")].replace(",", "")) > 0
        if has_torch:
            assert float(row[header.index("PyTorch / kconsist")]) > 0


@pytest.mark.slow
def test_benchmarks_of_views_print_every_line(monkeypatch, capsys):
    run(monkeypatch, "benchmarks/views.py")
    assert "strong view / keras.layers.RandAugment" in capsys.readouterr().out
    run(monkeypatch, "benchmarks/views_beside_torch.py")
    assert "SimCLR       kconsist" in capsys.readouterr().out


def run_in_process(script, *flags):
    return subprocess.run(
        [sys.executable, RECIPES / script, "--smoke", *flags],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(RECIPES.parent)},
    )


@pytest.mark.slow
def test_benchmark_of_corruptions_prints_every_rate():
    # Not in this process, which it would pin to one core.
    found = run_in_process("benchmarks/corruptions.py")
    assert found.returncode == 0, found.stderr[-2000:]
    for name in ("gaussian_noise", "frost", "saturate"):
        assert name in found.stdout


@pytest.mark.slow
def test_benchmark_of_replicas_prints_a_ratio_for_each_configuration():
    found = run_in_process("benchmarks/scaling.py")
    assert found.returncode == 0, found.stderr[-2000:]
    ratios = [
        float(line.split("ratio: ")[1])
        for line in found.stdout.strip().splitlines()
    ]
    assert ratios[0] == 1 and len(ratios) == 3 and min(ratios) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "script, flags, error, words",
    [
        (
            "self_training.py",
            ("--labels", "7"),
            SystemExit,
            "must be a multiple of 10",
        ),
        ("self_training.py", ("--dataset", "no/such"), Exception, "no/such"),
        ("semi_supervised.py", ("--labels", "5000"), ValueError, "per_class"),
    ],
)
def test_wrong_flags_say_what_is_expected(
    script, flags, error, words, monkeypatch, tmp_path
):
    with pytest.raises(error, match=words):
        run(monkeypatch, script, *SMALL, *flags, folder=tmp_path)
