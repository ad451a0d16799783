"""Checks that what the package needs is installed, before importing it."""

import importlib.util
import os
import sys


def check_tensorflow() -> None:
    """Raises `ImportError` if no TensorFlow is installed."""
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "kconsist needs TensorFlow, which is not installed: run "
            "`pip install 'kconsist[cpu]'` (or `[gpu]`, `[tpu]`)."
        )


def check_backend() -> None:
    """Raises `ImportError` if Keras runs on another backend."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    # A Keras that was imported earlier keeps the backend of that time.
    if backend == "tensorflow" or "keras" in sys.modules:
        import keras

        backend = keras.config.backend()
    if backend != "tensorflow":
        raise ImportError(
            "kconsist needs Keras's tensorflow backend, got the backend "
            f"{backend!r}: set KERAS_BACKEND=tensorflow before importing "
            "Keras."
        )


def check_installed(module: str, what: str) -> None:
    """Raises `ImportError` if a package of the `recipes` extra is missing.

    Args:
        module: str, the module to import.
        what: str, what needs it, for the error.
    """
    if importlib.util.find_spec(module) is None:
        raise ImportError(
            f"{what} needs {module}, which is not installed: run "
            '`pip install "kconsist[recipes]"`.'
        )


check_tensorflow()
check_backend()
