"""Folders of images a class."""

import numpy as np
import pytest
from PIL import Image

from kconsist import data


def write(folder, classes, count=5, size=(8, 10), extension="png"):
    """Writes images whose red level is their number, green their class."""
    for green, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for red in range(count):
            image = np.full((*size, 3), (red, green, 0), np.uint8)
            path = folder / name / f"{red}.{extension}"
            Image.fromarray(image).save(path)
    return folder


def test_split_folder_keeps_its_split(tmp_path):
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
def test_split_folder_may_call_its_test_split_otherwise(tmp_path, name):
    write(tmp_path / "train", ["cat", "dog"])
    write(tmp_path / name, ["cat", "dog"], count=2)
    _, test = data.load(str(tmp_path))
    assert len(test.images) == 4


def test_flat_folder_is_split_by_seed(tmp_path):
    write(tmp_path, ["a", "b", "c"], count=20)
    train, test = data.load(tmp_path)
    assert np.all(np.bincount(train.labels) == 16)
    assert np.all(np.bincount(test.labels) == 4)
    for split in (train, test):
        np.testing.assert_array_equal(split.images[:, 0, 0, 1], split.labels)
    seen = {tuple(i[0, 0]) for split in (train, test) for i in split.images}
    assert len(seen) == 60
    again, _ = data.load(tmp_path)
    np.testing.assert_array_equal(train.images, again.images)
    other, _ = data.load(tmp_path, seed=1)
    assert np.any(train.images != other.images)
    _, half = data.load(tmp_path, test_fraction=0.5)
    assert len(half.labels) == 30


def test_class_may_be_called_train(tmp_path):
    write(tmp_path, ["car", "train"])
    train, _ = data.load(tmp_path)
    assert train.class_names == ("car", "train")


@pytest.mark.parametrize("extension", ["bmp", "jpg", "jpeg", "JPG", "webp"])
def test_other_formats_load(tmp_path, extension):
    write(tmp_path, ["a", "b"], extension=extension)
    train, _ = data.load(tmp_path)
    assert train.images.shape == (8, 8, 10, 3)


def test_other_modes_become_rgb_and_other_files_are_left_out(tmp_path):
    write(tmp_path, ["a", "b"])
    for mode in ("L", "RGBA", "P", "1"):
        Image.new(mode, (10, 8)).save(tmp_path / "a" / f"mode{mode}.png")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "a" / ".hidden.png").write_text("no image")
    (tmp_path / ".cache").mkdir()
    train, test = data.load(tmp_path)
    assert train.class_names == ("a", "b")
    assert len(train.images) + len(test.images) == 14


def test_image_size_resizes(tmp_path):
    write(tmp_path, ["a"], size=(8, 10))
    write(tmp_path, ["b"], size=(20, 12))
    with pytest.raises(ValueError, match=r"8x10 in .*a.0\.png and 20x12 in"):
        data.load(tmp_path)
    train, _ = data.load(tmp_path, image_size=(6, 9))
    assert train.images.shape[1:] == (6, 9, 3)


def test_empty_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"two class folders, got \[\]"):
        data.load(tmp_path)


def test_single_class_is_an_error(tmp_path):
    write(tmp_path, ["cat"])
    with pytest.raises(ValueError, match=r"two class folders, got \['cat'\]"):
        data.load(tmp_path)


def test_class_without_images_is_an_error(tmp_path):
    write(tmp_path, ["cat", "dog"])
    (tmp_path / "eel").mkdir()
    with pytest.raises(ValueError, match="eel must have images.*got none"):
        data.load(tmp_path)


@pytest.mark.parametrize("damage", ["text", "cut"])
def test_unreadable_image_is_named(tmp_path, damage):
    write(tmp_path, ["cat", "dog"])
    path = tmp_path / "dog" / "3.png"
    content = b"text" if damage == "text" else path.read_bytes()[:50]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"dog.3\.png must be an image"):
        data.load(tmp_path)


def test_classes_must_match_between_splits(tmp_path):
    write(tmp_path / "train", ["cat", "dog"])
    write(tmp_path / "test", ["cat", "eel"])
    with pytest.raises(ValueError, match=r"train: \['dog'\].*test: \['eel'\]"):
        data.load(tmp_path)


def test_train_folder_without_a_test_folder_is_an_error(tmp_path):
    write(tmp_path / "train", ["cat", "dog"])
    with pytest.raises(ValueError, match="must have one of test, val"):
        data.load(tmp_path)


def test_fraction_of_a_split_folder_is_an_error(tmp_path):
    write(tmp_path / "train", ["cat", "dog"])
    write(tmp_path / "test", ["cat", "dog"])
    with pytest.raises(ValueError, match="test_fraction must be None"):
        data.load(tmp_path, test_fraction=0.5)


def test_class_of_one_image_cannot_be_split(tmp_path):
    write(tmp_path, ["cat"], count=1)
    write(tmp_path, ["dog"])
    with pytest.raises(ValueError, match="at least 2 examples.*class 0"):
        data.load(tmp_path)
