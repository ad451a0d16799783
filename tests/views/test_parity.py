"""Each operation against Pillow, on ten thousand images."""

import numpy as np
import pytest
import tensorflow as tf
from pillow_cases import CASES, WITHOUT_PARAMETER, by_pillow
from sklearn.datasets import load_digits

COUNT = 10_000


def sample_parameters(name, rng):
    """Returns random parameters over the range of an operation."""
    ranges = {
        "posterize": lambda: rng.integers(1, 9, COUNT),
        "solarize": lambda: rng.integers(0, 257, COUNT),
        "solarize_add": lambda: rng.integers(0, 256, COUNT),
        "rotate": lambda: rng.uniform(-180, 180, COUNT),
        "shear_x": lambda: rng.uniform(-1, 1, COUNT),
        "shear_y": lambda: rng.uniform(-1, 1, COUNT),
        "translate_x": lambda: rng.uniform(-40, 40, COUNT),
        "translate_y": lambda: rng.uniform(-40, 40, COUNT),
    }
    parameters = ranges.get(name, lambda: rng.uniform(0, 2, COUNT))()
    if parameters.dtype == float:  # As tf.constant would.
        parameters = parameters.astype("float32")
    return parameters.tolist()


@pytest.fixture(scope="module", params=["real", "digits", "random"])
def images(request, photographs):
    """Returns images (10000, 32, 32, channels), CIFAR-10 if available."""
    if request.param == "random":
        rng = np.random.default_rng(1)
        return rng.integers(0, 256, (COUNT, 32, 32, 3), "uint8")
    if request.param == "digits":
        digits = np.minimum(load_digits().images * 16, 255).astype("uint8")
        digits = digits.repeat(4, axis=1).repeat(4, axis=2)[..., None]
        return digits[np.arange(COUNT) % len(digits)]
    try:
        import tensorflow_datasets as tfds

        examples = tfds.load("cifar10", split="test", download=False)
    except (ImportError, AssertionError):
        return photographs[np.arange(COUNT) % len(photographs)]
    examples = list(examples.as_numpy_iterator())
    return np.stack([example["image"] for example in examples])


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CASES, *WITHOUT_PARAMETER])
def test_ten_thousand_pairs_equal_pillow(name, images):
    operation, reference = (CASES | WITHOUT_PARAMETER)[name][:2]
    rng = np.random.default_rng(2)
    parameters = (
        [] if name in WITHOUT_PARAMETER else [sample_parameters(name, rng)]
    )
    expected = by_pillow(reference, images, *parameters)
    result = operation(tf.constant(images), *map(tf.constant, parameters))
    assert int(np.count_nonzero(result.numpy() != expected)) == 0
