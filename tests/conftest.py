"""Two logical CPUs for every test, so that strategies have replicas."""

import contextlib
import ctypes
import gc
import os
import pathlib
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Each worker has one core: threads of small operations would only contend.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

from kconsist import distribute

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)

SHARED = pathlib.Path(__file__).parents[2] / "shared" / "tensorflow_datasets"
if SHARED.exists():
    os.environ.setdefault("TFDS_DATA_DIR", str(SHARED))

# What is imported stays: a collection need not look at it (0.4 s each time).
gc.collect()
gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Adds a worker: `fit` idles while tf.data's threads end."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keeps a file's tests on one worker, which shares what it has trained.

    Each test of a recipe runs on its own: these are few and long.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            if "recipes" in nodeid.partition("::")[0]:
                return nodeid
            return super()._split_scope(nodeid)

    return Scheduling(config, log) if config.option.dist == "load" else None


@pytest.fixture(autouse=True)
def clean_slate():
    """Gives each test its own seeds and policy."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(autouse=True, scope="module")
def clean_session():
    """Frees what the tests of a file have built.

    TensorFlow registers a gradient under a new name wherever it traces a
    `tf.custom_gradient`, and keeps it, and so the traced graph, for good.
    """
    yield
    keras.backend.clear_session()
    registered = getattr(ops.gradient_registry, "_registry", {})
    for name in [n for n in registered if n.startswith("CustomGradient-")]:
        del registered[name]
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # Not a Linux.
        ctypes.CDLL("libc.so.6").malloc_trim(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def mirrored():
    """A strategy of two replicas on two logical CPUs, one for all tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return distribute.strategy("mirrored")
