"""A recipe that is killed again and again ends as one that was not."""

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
    "--steps=40",
    "--batch-size=8",
    "--unlabeled-ratio=1",
    "--threshold=0.3",
    "--resume",
    "--deterministic",
)


def start(folder):
    return subprocess.Popen(
        [sys.executable, ROOT / "recipes" / "semi_supervised.py"]
        + [*FLAGS, "--out", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
    )


def made(folder, pattern):
    return sorted(folder.glob(f"checkpoints/*/{pattern}"))


def kill(process, happened, delay=0.0):
    """Kills a run so many seconds after something happened in it."""
    end = time.monotonic() + 300
    while not happened():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(f"it never happened: {process.communicate()[0]}")
        time.sleep(0.001)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_recipe_killed_at_five_moments_ends_bit_for_bit_alike(tmp_path):
    straight, run = tmp_path / "straight", tmp_path / "run"
    process = start(straight)
    output = process.communicate(timeout=600)[0]
    assert process.returncode == 0, output[-2000:]

    moments = random.Random(0)
    for _ in range(4):
        before = made(run, "step_*[0-9]")
        kill(
            start(run),
            lambda before=before: made(run, "step_*[0-9]") != before,
            delay=moments.uniform(0, 1),
        )
    kill(start(run), lambda: made(run, "*.partial"))
    assert made(run, "*.partial")  # It was killed while it was writing.

    process = start(run)
    output = process.communicate(timeout=600)[0]
    assert process.returncode == 0, output[-2000:]

    models = [
        keras.models.load_model(folder / "fixmatch.keras")
        for folder in (straight, run)
    ]
    for a, b in zip(*(m.weights for m in models), strict=True):
        np.testing.assert_array_equal(a, b)
    rows = [(f / "rows.json").read_text() for f in (straight, run)]
    assert rows[0] == rows[1]
    again = start(run)
    assert "has ended" in again.communicate(timeout=300)[0]
    assert again.returncode != 0
