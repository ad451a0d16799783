"""Frost from the published photographs, and the procedural frost."""

import numpy as np
import pytest
from PIL import Image

from kconsist.robustness.corruptions import corrupt, frost_source
from kconsist.robustness.corruptions.frost_textures import (
    PHOTOGRAPHS,
    frost_textures,
    procedural_frost,
    resize,
)

# (height, width) of the published files.
SIZES = [(600, 900), (315, 560), (315, 560), (350, 527), (495, 660)]


@pytest.fixture
def folder(tmp_path, rng):
    """Single-color photographs of the published sizes, and a sixth one."""
    for level, (name, size) in enumerate(zip(PHOTOGRAPHS, SIZES, strict=True)):
        color = np.uint8([40 * level, 200 - 40 * level, 7])
        picture = np.broadcast_to(color, (*size, 3))
        Image.fromarray(picture.copy()).save(tmp_path / name, quality=100)
    unused = np.full((323, 485, 3), 255, np.uint8)
    Image.fromarray(unused).save(tmp_path / "frost6.jpg")
    return tmp_path


def test_source_is_described(folder):
    assert frost_source() == "procedural frost, not CIFAR-10-C's"
    assert frost_source(folder) == f"textures from {folder}"


@pytest.mark.parametrize("missing", [["frost4.jpg"], list(PHOTOGRAPHS)])
def test_missing_photographs_are_named(folder, missing):
    for name in missing:
        (folder / name).unlink()
    image = np.zeros((1, 32, 32, 3), np.uint8)
    calls = [
        lambda: frost_source(folder),
        lambda: corrupt(image, "frost", 1, frost_dir=folder),
        # Any corruption raises, so that a benchmark fails at its start.
        lambda: corrupt(image, "fog", 1, frost_dir=folder),
    ]
    for call in calls:
        with pytest.raises(FileNotFoundError, match=f"lacks {missing[0]}"):
            call()


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no_such_folder"):
        frost_source(tmp_path / "no_such_folder")


def test_photographs_shrink_to_their_published_sizes(folder):
    textures = frost_textures(folder, 0.2, 32, 32)
    sizes = [t.shape[:2] for t in textures]
    assert sizes == [(120, 180), (63, 112), (63, 112), (70, 105), (99, 132)]


def test_frost_uses_five_photographs_in_rgb(folder):
    """On black, severity 5 shows 0.45 of one of the first five textures."""
    black = np.zeros((200, 32, 32, 3), np.uint8)
    found = corrupt(black, "frost", 5, frost_dir=folder)
    assert found.reshape(200, -1, 3).std(axis=1).max() < 1
    colors, counts = np.unique(
        found[:, 0, 0].astype(int) // 6, axis=0, return_counts=True
    )
    assert len(colors) == 5 and counts.min() > 20
    reds = sorted(found[:, 0, 0, 0])
    assert reds[0] == 0 and abs(int(reds[-1]) - int(0.45 * 160)) <= 1


def test_frost_is_a_weighted_sum_with_a_crop(folder, rng):
    """The textures encode coordinates, so a crop shows its position."""
    y, x = np.mgrid[:600, :900]
    positions = np.stack([y // 5, x // 5, 0 * x], -1).astype(np.uint8)
    for name in PHOTOGRAPHS[:3]:
        Image.fromarray(positions).save(folder / name)
    for name in PHOTOGRAPHS[3:]:
        (folder / name).unlink()
        Image.fromarray(positions).save(folder / name, "PNG")
    images = rng.integers(0, 60, (300, 32, 32, 3)).astype(np.uint8)
    found = corrupt(images, "frost", 4, frost_dir=folder)
    starts = set()
    for image, result in zip(images, found, strict=True):
        np.testing.assert_array_equal(
            result[..., 2], np.uint8(0.85 * image[..., 2].astype(float))
        )
        frost = (result - 0.85 * image)[..., :2]
        top, left = frost[0, 0] / 0.4
        expected = np.stack(np.mgrid[:32, :32], -1) + np.round([top, left])
        # A level is 2.5 positions; both this pixel and the corner truncate.
        assert np.abs(frost / 0.4 - expected).max() <= 5
        starts.add((round(top), round(left)))
    tops, lefts = np.array(sorted(starts)).T
    assert tops.max() <= 88 and lefts.max() <= 148
    assert tops.max() > 80 and lefts.max() > 138 and tops.min() < 8


def test_resizing_by_a_fifth_takes_every_fifth_pixel(rng):
    texture = rng.integers(0, 256, (350, 527, 3)).astype(np.uint8)
    found = resize(texture, 0.2, 32, 32)
    np.testing.assert_array_equal(found, texture[2::5, 2::5])


@pytest.mark.parametrize("scale", [0.2, 0.3, 1])
def test_resizing_is_that_of_opencv(rng, scale):
    cv2 = pytest.importorskip("cv2")
    texture = rng.integers(0, 256, (323, 485, 3)).astype(np.uint8)
    expected = cv2.resize(texture, (0, 0), fx=scale, fy=scale)
    found = resize(texture, scale, 32, 32)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_small_textures_are_enlarged_to_the_image():
    texture = np.zeros((63, 112, 3), np.uint8)
    assert resize(texture, 1, 224, 224).shape[0] == 224
    images = np.zeros((2, 600, 520, 3), np.uint8)
    assert corrupt(images, "frost", 1, preset="imagenet").shape == images.shape


def test_procedural_frost_has_five_different_textures():
    textures = procedural_frost()
    assert len(textures) == 5
    for number, texture in enumerate(textures):
        assert texture.dtype == np.uint8 and texture.std() > 35
        assert 155 < texture.mean() < 175
        assert (texture != textures[number - 1]).mean() > 0.9
