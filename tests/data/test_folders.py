"""Folders with one folder of images per class."""

import numpy as np
import pytest
from PIL import Image

from kconsist import data


def write(folder, classes, count=5, size=(8, 10), extension="png"):
    """Writes images with their number in red and their class in green."""
    for green, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for red in range(count):
            image = np.full((*size, 3), (red, green, 0), np.uint8)
            path = folder / name / f"{red}.{extension}"
            Image.fromarray(image).save(path)
    return folder


def test_a_split_folder_keeps_its_split(tmp_path):
    write(tmp_path / "train", ["cat", "dog"])
    write(tmp_path / "test", ["cat", "dog"], count=2)
    train, test = data.load(tmp_path)
    assert train.class_names == test.class_names == ("cat", "dog")
    assert train.images.shape == (10, 8, 10, 3)
    assert train.images.dtype == np.uint8 and train.labels.dtype == np.int64
    assert test.images.shape == (4, 8, 10, 3)
    for split in (train, test):
        np.testing.assert_array_equal(split.images[:, 0, 0, 1], split.labels)


@pytest.mark.parametrize("name", ["val", "validation"])
def test_the_test_split_may_have_other_names(tmp_path, name):
    write(tmp_path / "train", ["cat", "dog"])
    write(tmp_path / name, ["cat", "dog"], count=2)
    _, test = data.load(str(tmp_path))
    assert len(test.images) == 4


def test_a_flat_folder_is_split_by_seed(tmp_path):
    write(tmp_path, ["a", "b", "c"], count=20)
    train, test = data.load(tmp_path)
    assert np.all(np.bincount(train.labels) == 16)
    assert np.all(np.bincount(test.labels) == 4)
    for split in (train, test):
        np.testing.assert_array_equal(split.images[:, 0, 0, 1], split.labels)
    colors = {tuple(i[0, 0]) for split in (train, test) for i in split.images}
    assert len(colors) == 60
    again, _ = data.load(tmp_path)
    np.testing.assert_array_equal(train.images, again.images)
    other, _ = data.load(tmp_path, seed=1)
    assert np.any(train.images != other.images)
    _, half = data.load(tmp_path, test_fraction=0.5)
    assert len(half.labels) == 30


def test_a_class_may_be_called_train(tmp_path):
    write(tmp_path, ["car", "train"])
    train, _ = data.load(tmp_path)
    assert train.class_names == ("car", "train")


@pytest.mark.parametrize("extension", ["bmp", "jpg", "jpeg", "JPG", "webp"])
def test_other_formats_load(tmp_path, extension):
    write(tmp_path, ["a", "b"], extension=extension)
    train, _ = data.load(tmp_path)
    assert train.images.shape == (8, 8, 10, 3)


def test_other_modes_become_rgb_and_other_files_are_ignored(tmp_path):
    write(tmp_path, ["a", "b"])
    for mode in ("L", "RGBA", "P", "1"):
        Image.new(mode, (10, 8)).save(tmp_path / "a" / f"mode{mode}.png")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "a" / ".hidden.png").write_text("no image")
    (tmp_path / ".cache").mkdir()
    train, test = data.load(tmp_path)
    assert train.class_names == ("a", "b")
    assert len(train.images) + len(test.images) == 14


def load_one(folder, image, name="0.png"):
    """Saves an image, loads it as a data set, and returns what was loaded."""
    for path in (folder / "a", folder / "b"):
        path.mkdir()
        for copy in range(2):
            image.save(path / f"{copy}{name}")
    train, test = data.load(folder)
    np.testing.assert_array_equal(train.images[0], test.images[0])
    return train.images[0]


@pytest.mark.parametrize("name", ["0.png", "0.tiff"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_gray_of_16_bits_is_scaled(tmp_path, name, order):
    values = np.linspace(0, 65535, 256 * 4).reshape(32, 32).astype(order)
    found = load_one(tmp_path, Image.fromarray(values), name)
    expected = np.round(values / 257.0)
    assert found.dtype == np.uint8 and len(np.unique(found)) == 256
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], expected)


def test_floats_in_0_to_1_are_scaled(tmp_path):
    values = np.linspace(0, 1, 80, dtype="float32").reshape(8, 10)
    found = load_one(tmp_path, Image.fromarray(values), "0.tiff")
    np.testing.assert_array_equal(found[..., 0], np.round(255 * values))


@pytest.mark.parametrize(
    "values, message",
    [
        (np.full((8, 10), 255, "float32"), "floats from 255.0 to 255.0"),
        (np.full((8, 10), -0.5, "float32"), "floats from -0.5 to -0.5"),
        (np.full((8, 10), np.nan, "float32"), "floats from nan"),
        (np.full((8, 10), 70000, "int32"), "32 bits"),
    ],
)
def test_values_of_unknown_range_are_rejected(tmp_path, values, message):
    with pytest.raises(ValueError, match=rf"a.00\.tiff must be .*{message}"):
        load_one(tmp_path, Image.fromarray(values), "0.tiff")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L"])
def test_transparent_pixels_are_composited_on_white(tmp_path, mode):
    """Expected: alpha · color + (1 - alpha) · 255."""
    rng = np.random.default_rng(0)
    if mode in ("RGBA", "LA"):
        pixels = rng.integers(0, 256, (8, 10, len(mode)), "uint8")
        image, options = Image.fromarray(pixels, mode), {}
        color, alpha = pixels[..., :-1], pixels[..., -1:] / 255
    else:
        pixels = rng.integers(0, 4, (8, 10), "uint8")
        image, options = Image.fromarray(pixels, mode), {"transparency": 2}
        color, alpha = pixels[..., None], (pixels != 2)[..., None]
    if mode == "P":
        palette = rng.integers(0, 256, (256, 3), "uint8")
        image.putpalette(palette.tobytes())
        color = palette[pixels]
    image.info |= options
    found = load_one(tmp_path, image)
    expected = np.broadcast_to(alpha * color + (1 - alpha) * 255, found.shape)
    np.testing.assert_allclose(found, expected, atol=1)  # Pillow rounds.
    assert np.any(alpha == 0) or mode in ("RGBA", "LA")


def test_a_transparent_color_of_16_bits_is_rejected(tmp_path):
    image = Image.fromarray(np.full((8, 10), 900, np.uint16))
    image.info["transparency"] = 900
    with pytest.raises(ValueError, match="transparent color of 16 bits"):
        load_one(tmp_path, image)


def test_image_size_resizes(tmp_path):
    write(tmp_path, ["a"], size=(8, 10))
    write(tmp_path, ["b"], size=(20, 12))
    with pytest.raises(ValueError, match=r"8x10 in .*a.0\.png and 20x12 in"):
        data.load(tmp_path)
    train, _ = data.load(tmp_path, image_size=(6, 9))
    assert train.images.shape[1:] == (6, 9, 3)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"two class folders, got \[\]"):
        data.load(tmp_path)


def test_a_single_class_is_an_error(tmp_path):
    write(tmp_path, ["cat"])
    with pytest.raises(ValueError, match=r"two class folders, got \['cat'\]"):
        data.load(tmp_path)


def test_a_class_without_images_is_an_error(tmp_path):
    write(tmp_path, ["cat", "dog"])
    (tmp_path / "eel").mkdir()
    with pytest.raises(ValueError, match="eel must have images.*got none"):
        data.load(tmp_path)


@pytest.mark.parametrize("damage", ["text", "cut"])
def test_the_error_names_an_unreadable_image(tmp_path, damage):
    write(tmp_path, ["cat", "dog"])
    path = tmp_path / "dog" / "3.png"
    content = b"text" if damage == "text" else path.read_bytes()[:50]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"dog.3\.png must be an image"):
        data.load(tmp_path)


def test_the_error_names_an_image_that_is_too_large(tmp_path, monkeypatch):
    write(tmp_path, ["cat", "dog"])
    Image.new("L", (60, 60)).save(tmp_path / "dog" / "3.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"dog.3\.png must be an image.*bomb"):
        data.load(tmp_path)


def test_classes_must_match_between_splits(tmp_path):
    write(tmp_path / "train", ["cat", "dog"])
    write(tmp_path / "test", ["cat", "eel"])
    with pytest.raises(ValueError, match=r"train: \['dog'\].*test: \['eel'\]"):
        data.load(tmp_path)


def test_a_train_folder_without_a_test_folder_is_an_error(tmp_path):
    write(tmp_path / "train", ["cat", "dog"])
    with pytest.raises(ValueError, match="must have one of test, val"):
        data.load(tmp_path)


def test_a_fraction_of_a_split_folder_is_an_error(tmp_path):
    write(tmp_path / "train", ["cat", "dog"])
    write(tmp_path / "test", ["cat", "dog"])
    with pytest.raises(ValueError, match="test_fraction must be None"):
        data.load(tmp_path, test_fraction=0.5)


def test_a_class_of_one_image_cannot_be_split(tmp_path):
    write(tmp_path, ["cat"], count=1)
    write(tmp_path, ["dog"])
    with pytest.raises(ValueError, match="at least 2 examples.*class 0"):
        data.load(tmp_path)
