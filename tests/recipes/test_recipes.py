"""Every recipe runs from its own file, with `--smoke`, and leaves its files."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import PIL.Image
import pytest

from kconsist import data

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def run(script, *flags, folder=None):
    out = ("--out", str(folder)) if folder else ()
    return subprocess.run(
        [sys.executable, ROOT / "recipes" / script, "--smoke", *out, *flags],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def results(folder):
    assert (folder / "settings.json").exists()
    return json.loads((folder / "results.json").read_text())["results"]


def test_self_training_saves_a_student_and_a_picture(tmp_path):
    found = run("self_training.py", "--generations", "2", folder=tmp_path)
    assert found.returncode == 0, found.stderr[-2000:]
    networks = [row["network"] for row in results(tmp_path)]
    assert networks == [
        "flips and crops alone",
        "RandAugment alone, no teacher",
        "student, generation 1",
        "student, generation 2",
    ]
    for name in networks:
        assert name in found.stdout
    student = keras.models.load_model(tmp_path / "student.keras")
    assert student.output_shape == (None, 10)
    assert "mean_accuracy_19_severity_5" in found.stdout
    assert "more than RandAugment alone, no teacher" in found.stdout
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


def test_self_training_takes_a_folder_of_images(tmp_path, rng):
    image_folder(tmp_path / "images", rng)
    found = run(
        "self_training.py",
        *("--dataset", str(tmp_path / "images"), "--labels", "8"),
        *("--batch-size", "16", "--noise", "AugMix", "--teacher-view", "weak"),
        folder=tmp_path / "out",
    )
    assert found.returncode == 0, found.stderr[-2000:]
    assert "AugMix alone, no teacher" in found.stdout
    assert "more than flips and crops alone" in found.stdout
    page = (tmp_path / "out" / "report.md").read_text()
    assert "flips and crops alone: Trained with FlipCrop: nothing" in page
    assert "no teacher: Training showed the model something close to" in page
    student = keras.models.load_model(tmp_path / "out" / "student.keras")
    assert student.output_shape == (None, 2)


def test_semi_supervised_runs_every_method(tmp_path):
    found = run("semi_supervised.py", "--method", "every", folder=tmp_path)
    assert found.returncode == 0, found.stderr[-2000:]
    row = results(tmp_path)[0]
    assert list(row)[:3] == ["seed", "supervised", "fixmatch"]
    assert len(row) == 16
    (_, test) = data.load("digits")
    for method, accuracy in list(row.items())[1:]:
        model = keras.models.load_model(tmp_path / f"{method}.keras")
        answers = model.predict(test.images, verbose=0).argmax(-1)
        best = 100 * np.mean(answers == test.labels)
        assert accuracy == pytest.approx(best, abs=0.5)


@pytest.mark.parametrize(
    "methods, shift",
    [
        (["self_ensembling", "minimum_class_confusion"], "fog"),
        (["adversarial_dropout"], "inverted"),
    ],
)
def test_domain_adaptation_prints_the_source_alone(methods, shift, tmp_path):
    flags = ("--method", *methods, "--shift", shift)
    found = run("domain_adaptation.py", *flags, folder=tmp_path)
    assert found.returncode == 0, found.stderr[-2000:]
    assert list(results(tmp_path)[0]) == [
        "seed",
        "source alone, on the source",
        "source alone, on the target",
        *methods,
    ]
    for method in methods:
        assert (tmp_path / f"{method}.keras").exists()


def test_noisy_student_prints_a_row_for_each_generation(tmp_path):
    flags = ("--generations", "2", "--threshold", "0", "--per-class", "20")
    found = run("noisy_student.py", *flags, folder=tmp_path)
    assert found.returncode == 0, found.stderr[-2000:]
    rows = results(tmp_path)
    assert [row["network"] for row in rows] == [
        "teacher, labels alone",
        "student, generation 1",
        "student, generation 2",
    ]
    student = keras.models.load_model(tmp_path / "student.keras")
    (_, test) = data.load("digits")
    found = student.predict(test.images, verbose=0).argmax(-1)
    accuracy = 100 * np.mean(found == test.labels)
    assert accuracy == pytest.approx(rows[-1]["accuracy, %"], abs=0.5)


def test_half_moons_draws_its_boundaries(tmp_path):
    found = run("half_moons.py", folder=tmp_path)
    assert found.returncode == 0, found.stderr[-2000:]
    assert [row["draw"] for row in results(tmp_path)] == ["0", "mean", "worst"]
    picture = np.array(PIL.Image.open(tmp_path / "boundaries.png"))
    assert picture.std() > 10


def test_what_the_teacher_adds_goes_on_after_finished_rows(tmp_path):
    flags = ("--dataset", "digits", "--labels", "100", "--seeds", "1")
    flags = (*flags, "--only", "RandAugment alone")
    first = run("what_the_teacher_adds.py", *flags, folder=tmp_path)
    assert first.returncode == 0, first.stderr[-2000:]
    rows = results(tmp_path)
    assert len(rows) == 1
    again = run("what_the_teacher_adds.py", *flags, folder=tmp_path)
    assert again.returncode == 0, again.stderr[-2000:]
    assert results(tmp_path) == rows
    assert " steps" in first.stdout
    assert " steps" not in again.stdout  # Nothing was trained again.
    other = run(
        "what_the_teacher_adds.py", *flags, "--width", "2", folder=tmp_path
    )
    assert other.returncode
    assert "rows of --width 1, got 2" in other.stderr
    assert results(tmp_path) == rows


@pytest.mark.parametrize(
    "script, flags",
    [
        ("train_step.py", ("--depth", "10", "--width", "1")),
        ("pipeline.py", ()),
    ],
)
def test_benchmark_prints_a_ratio(script, flags):
    found = run(f"benchmarks/{script}", *flags)
    assert found.returncode == 0, found.stderr[-2000:]
    assert float(found.stdout.split("ratio: ")[1]) > 0


def test_benchmark_of_replicas_prints_a_ratio_for_each_way():
    found = run("benchmarks/scaling.py")
    assert found.returncode == 0, found.stderr[-2000:]
    ratios = [
        float(line.split("ratio: ")[1])
        for line in found.stdout.strip().splitlines()
    ]
    assert ratios[0] == 1 and len(ratios) == 3 and min(ratios) > 0


def test_benchmark_of_views_prints_every_ratio():
    found = run("benchmarks/views.py")
    assert found.returncode == 0, found.stderr[-2000:]
    assert "strong view" in found.stdout


def test_operations_are_shown(tmp_path):
    found = run("show_views.py", "--out", str(tmp_path / "views.png"))
    assert found.returncode == 0, found.stderr[-2000:]
    assert np.array(PIL.Image.open(tmp_path / "views.png")).std() > 10


def test_benchmark_of_corruptions_prints_every_rate():
    found = run("benchmarks/corruptions.py")
    assert found.returncode == 0, found.stderr[-2000:]
    for name in ("gaussian_noise", "frost", "saturate"):
        assert name in found.stdout


@pytest.mark.parametrize(
    "script, flags, words",
    [
        ("self_training.py", ("--labels", "7"), "must be a multiple of 10"),
        ("self_training.py", ("--dataset", "no/such"), "no/such"),
        ("semi_supervised.py", ("--labels", "5000"), "per_class"),
    ],
)
def test_wrong_flags_say_what_is_expected(script, flags, words, tmp_path):
    found = run(script, *flags, folder=tmp_path)
    assert found.returncode
    assert words in found.stderr
