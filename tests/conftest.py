"""Two logical CPUs for every test, so that strategies have replicas."""

import os
import pathlib
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist import distribute

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)

SHARED = pathlib.Path(__file__).parents[2] / "shared" / "tensorflow_datasets"
if SHARED.exists():
    os.environ.setdefault("TFDS_DATA_DIR", str(SHARED))


@pytest.fixture(autouse=True)
def clean_slate():
    """Gives each test its own seeds and policy."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(autouse=True, scope="module")
def clean_session():
    """Frees what a file's tests have built: a third of a second each time."""
    yield
    keras.backend.clear_session()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def mirrored():
    """A strategy of two replicas on two logical CPUs, one for all tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return distribute.strategy("mirrored")
