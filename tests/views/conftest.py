"""Real images for the tests of views, without downloads."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images


@pytest.fixture(scope="session")
def photographs():
    """Returns 24 RGB crops of two photographs, uint8 (24, 32, 32, 3)."""
    crops = []
    for photograph in load_sample_images().images:
        picture = Image.fromarray(photograph)
        for number in range(12):
            x, y = 120 * (number % 4), 120 * (number // 4)
            crop = picture.crop((x, y, x + 180, y + 180))
            crops.append(np.asarray(crop.resize((32, 32))))
    return np.stack(crops)


@pytest.fixture(scope="session")
def digits():
    """Returns 24 gray digits, uint8 (24, 32, 32, 1), upsampled by four."""
    images = load_digits().images[:24]
    images = np.minimum(images * 16, 255).astype("uint8")
    return images.repeat(4, axis=1).repeat(4, axis=2)[..., None]


@pytest.fixture(scope="session")
def coordinates():
    """Returns 64 identical images whose pixels are (row, column, 0)."""
    rows, columns = np.meshgrid(np.arange(32), np.arange(32), indexing="ij")
    image = np.stack([rows, columns, np.zeros_like(rows)], axis=-1)
    return np.repeat(image[None].astype("uint8"), 64, axis=0)


@pytest.fixture(autouse=True)
def clean_slate():
    """Overrides the slower fixture of all tests: views keep no state."""
