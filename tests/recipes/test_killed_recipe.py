"""A recipe that is killed and resumed ends like one that was not killed."""

import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
FLAGS = (
    "--generations=0",  # The teacher only: the shortest run of all recipes.
    "--steps=48",
    "--batch-size=8",
    "--resume",
    "--deterministic",
)


def start(folder):
    return subprocess.Popen(
        [sys.executable, ROOT / "recipes" / "noisy_student.py"]
        + [*FLAGS, "--out", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
    )


def written(folder, pattern):
    return sorted(folder.glob(f"checkpoints/*/{pattern}"))


def kill(process, happened, delay=0.0):
    """Kills a run `delay` seconds after something happened in it."""
    end = time.monotonic() + 600
    while not happened():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(f"it never happened: {process.communicate()[0]}")
        time.sleep(0.002)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def finish(process):
    output = process.communicate(timeout=600)[0]
    assert process.returncode == 0, output[-2000:]


@pytest.mark.slow
def test_a_killed_recipe_ends_bit_for_bit_as_one_that_ran_through(tmp_path):
    straight, run = tmp_path / "straight", tmp_path / "run"
    finish(start(straight))

    kill(
        start(run),
        lambda: written(run, "step_*[0-9]"),
        delay=random.Random(0).uniform(0, 0.2),
    )
    kill(start(run), lambda: written(run, "*.partial"))
    assert written(run, "*.partial")  # It was killed while it was writing.
    finish(start(run))

    models = [
        keras.models.load_model(folder / "teacher.keras")
        for folder in (straight, run)
    ]
    for a, b in zip(*(m.weights for m in models), strict=True):
        np.testing.assert_array_equal(a, b)
    settings = [(f / "settings.json").read_text() for f in (straight, run)]
    assert settings[0].replace(str(straight), "") == settings[1].replace(
        str(run), ""
    )
