"""Says in one sentence what is missing, before anything else is imported."""

import importlib.util
import os
import sys


def check_tensorflow() -> None:
    """Raises `ImportError` where no TensorFlow is installed."""
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "kconsist needs TensorFlow, and none is installed: run "
            "`pip install 'kconsist[cpu]'` (or `[gpu]`, `[tpu]`)."
        )


def check_backend() -> None:
    """Raises `ImportError` where Keras is to run on another backend."""
    wanted = os.environ.get("KERAS_BACKEND", "tensorflow")
    if wanted == "tensorflow" or "keras" in sys.modules:
        import keras

        wanted = keras.config.backend()
    if wanted != "tensorflow":
        raise ImportError(
            "kconsist needs Keras's tensorflow backend, and Keras runs on "
            f"{wanted!r}: set KERAS_BACKEND=tensorflow before Keras is "
            "imported."
        )


def check_installed(module: str, what: str) -> None:
    """Raises `ImportError` where a package of the recipes is missing."""
    if importlib.util.find_spec(module) is None:
        raise ImportError(
            f"{what} needs {module}, and it is not installed: run "
            '`pip install "kconsist[recipes]"`.'
        )


check_tensorflow()
check_backend()
