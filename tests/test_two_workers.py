"""Two processes on this machine train as one device does."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]
# The same float32 sums in another order.
SUMMED_ANEW = dict(rtol=1e-4, atol=2e-6)
SECONDS = 600


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(folder):
    """Starts both workers; their output goes to files in the folder."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    workers = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": hosts}, "task": task})
        with (folder / f"{index}.log").open("w") as log:
            workers.append(
                subprocess.Popen(
                    [sys.executable, ROOT / "tests" / "worker.py", folder],
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "TF_CONFIG": config, "PYTHONPATH": path},
                )
            )
    return workers


def wait(workers, folder):
    """Waits for both; ends both, with what they said, where one fails."""
    end = time.monotonic() + SECONDS
    try:
        while None in (codes := [worker.poll() for worker in workers]):
            failed = [i for i, code in enumerate(codes) if code]
            if failed or time.monotonic() > end:
                break
            time.sleep(0.2)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    if codes != [0, 0]:
        said = [(folder / f"{i}.log").read_text()[-3000:] for i in range(2)]
        pytest.fail(f"workers ended with {codes}:\n" + "\n\n".join(said))


def assert_same(expected, found, what):
    for key, value in expected.items():
        np.testing.assert_allclose(
            found[f"{what}/{key}"],
            value,
            err_msg=f"{what}/{key}",
            **SUMMED_ANEW,
        )


@pytest.mark.slow
def test_two_workers_train_as_one_device(tmp_path):
    """And as two mirrored replicas do, which the contract says are as one."""
    workers = start(tmp_path)
    try:
        import worker

        expected = {name: worker.train(name) for name in worker.NAMES}
        answers = worker.judge(expected["mean_teacher"][0])
    finally:
        wait(workers, tmp_path)
    chief, other = (np.load(tmp_path / f"{i}.npz") for i in range(2))
    for found in (chief, other):
        for name, trained in expected.items():
            assert_same(worker.results(*trained), found, name)
        assert_same(answers, found, "mean_teacher")
    for key in chief.files:
        np.testing.assert_array_equal(chief[key], other[key], err_msg=key)
    for name in worker.HALF:
        for i, weight in enumerate(expected[name][0].student.weights):
            # float16 keeps 11 bits: the path is the float32 one to some 1e-3.
            half = chief[f"{name}_half/{i}"]
            np.testing.assert_allclose(half, weight, atol=5e-3)
            assert np.any(half != np.array(weight))
    for key in chief.files:
        name, place = key.split("/")
        if name == "killed":
            straight = chief[f"fixmatch_average/{place}"]
            np.testing.assert_array_equal(chief[key], straight, err_msg=key)

    # BatchNorm's statistics are means over workers; the chief alone saves.
    loaded = keras.models.load_model(tmp_path / "chief.keras")
    for i, weight in enumerate(loaded.weights):
        np.testing.assert_array_equal(weight, other[f"batch_norm/{i}"])
    inference_model = keras.models.load_model(
        tmp_path / "inference_model.keras"
    )
    for a, b in zip(
        inference_model.weights, loaded.inference_model.weights, strict=True
    ):
        np.testing.assert_array_equal(a, b)
