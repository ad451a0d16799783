"""Two processes on this machine train as one device does.

The processes start once and train group after group of methods; each test
waits for the results of one group.
"""

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
import worker
from training import REORDERED_SUMS

pytestmark = pytest.mark.slow

HERE = pathlib.Path(__file__).parent
SECONDS = 300  # For one group.


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Workers:
    """Two processes that train every group of `worker.py`."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
        path = os.pathsep.join(map(str, (HERE.parents[1], HERE.parent, HERE)))
        for index in range(2):
            task = {"type": "worker", "index": index}
            config = json.dumps({"cluster": {"worker": hosts}, "task": task})
            variables = {"TF_CONFIG": config, "PYTHONPATH": path}
            with (folder / f"{index}.log").open("w") as log:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, HERE / "worker.py", folder],
                        stdout=log,
                        stderr=log,
                        env={**os.environ, **variables},
                    )
                )

    def results(self, group):
        """Waits for a group; returns the arrays of both workers by name."""
        paths = [self.folder / f"{group}_{index}.npz" for index in range(2)]
        end = time.monotonic() + SECONDS
        while not all(path.exists() for path in paths):
            failed = [p.poll() for p in self.processes if p.poll()]
            if failed or time.monotonic() > end:
                self.stop()
                logs = [
                    (self.folder / f"{index}.log").read_text()[-3000:]
                    for index in range(2)
                ]
                pytest.fail(f"no results of {group}:\n" + "\n\n".join(logs))
            time.sleep(0.1)
        return [np.load(path) for path in paths]

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    started = Workers(tmp_path_factory.mktemp("workers"))
    yield started
    started.stop()


def assert_same_results(expected, found, name):
    for key, value in expected.items():
        np.testing.assert_allclose(
            found[f"{name}/{key}"],
            value,
            err_msg=f"{name}/{key}",
            **REORDERED_SUMS,
        )


def assert_workers_agree(chief, other):
    for key in chief.files:
        np.testing.assert_array_equal(chief[key], other[key], err_msg=key)


@pytest.mark.parametrize("group", worker.GROUPS)
def test_two_workers_train_as_one_device(group, workers):
    """`contract/test_execution.py` compares two replicas with one device."""
    expected = {
        name: worker.train(name, run_eagerly=True)
        for name in worker.GROUPS[group]
    }
    chief, other = workers.results(group)
    for found in (chief, other):
        for name, trained in expected.items():
            assert_same_results(worker.results(*trained), found, name)
    assert_workers_agree(chief, other)


def test_two_workers_evaluate_and_predict_as_one_device(workers):
    trainer, _ = worker.train("mean_teacher", run_eagerly=True)
    expected = worker.evaluate(trainer)
    for found in workers.results("evaluation"):
        assert_same_results(expected, found, "mean_teacher")


def test_two_workers_train_in_float16_as_one_device_in_float32(workers):
    chief, other = workers.results("float16")
    assert_workers_agree(chief, other)
    for name in worker.FLOAT16:
        trainer, _ = worker.train(name, run_eagerly=True)
        for i, weight in enumerate(trainer.student.weights):
            # float16 keeps 11 bits: the path is the float32 one to some 1e-3.
            half = chief[f"{name}/{i}"]
            np.testing.assert_allclose(half, weight, atol=5e-3)
            assert np.any(half != np.array(weight))


def test_two_killed_workers_resume_bit_for_bit(workers):
    chief, other = workers.results("killed")
    assert_workers_agree(chief, other)
    assert any(key.startswith("straight/") for key in chief.files)
    for key in chief.files:
        run, _, place = key.partition("/")
        if run == "killed":
            straight = chief[f"straight/{place}"]
            np.testing.assert_array_equal(chief[key], straight, err_msg=key)


def test_the_chief_saves_and_batch_norms_statistics_are_means(workers):
    chief, other = workers.results("batch_norm")
    assert_workers_agree(chief, other)
    folder = workers.folder
    loaded = keras.models.load_model(folder / "chief.keras")
    for i, weight in enumerate(loaded.weights):
        np.testing.assert_array_equal(weight, other[f"batch_norm/{i}"])
    inference_model = keras.models.load_model(folder / "inference_model.keras")
    for a, b in zip(
        inference_model.weights, loaded.inference_model.weights, strict=True
    ):
        np.testing.assert_array_equal(a, b)
