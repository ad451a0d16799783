"""Says in one sentence what is missing, before anything else is imported."""

import importlib.util


def check_tensorflow() -> None:
    """Raises `ImportError` where no TensorFlow is installed."""
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "kconsist needs TensorFlow, and none is installed: run "
            "`pip install 'kconsist[cpu]'` (or `[gpu]`, `[tpu]`)."
        )


def check_backend() -> None:
    """Raises `ImportError` where Keras runs on another backend."""
    import keras

    backend = keras.config.backend()
    if backend != "tensorflow":
        raise ImportError(
            "kconsist needs Keras's tensorflow backend, and Keras runs on "
            f"{backend!r}: set KERAS_BACKEND=tensorflow before Keras is "
            "imported."
        )


check_tensorflow()
check_backend()
