"""A network with known predictions, and images for it."""

import colored
import pytest

from kconsist.robustness import Arrays


@pytest.fixture
def examples():
    return colored.examples(30)


@pytest.fixture
def model():
    return colored.network()


@pytest.fixture
def npy_folder(tmp_path):
    """A folder in the released layout: 19 files, 12 images, 5 severities."""
    return colored.write_npy_folder(tmp_path / "CIFAR-10-C")


@pytest.fixture
def source(examples):
    """Four cells and the clean images."""
    images, labels = examples
    cells = {
        (name, severity): colored.add_noise(images, severity, len(name))
        for name in ("fog", "saturate")
        for severity in (1, 5)
    }
    return Arrays(cells, labels, clean=(images, labels))
