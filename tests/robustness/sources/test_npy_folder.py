"""The released layout: slices, labels and damaged files."""

import pathlib

import colored
import numpy as np
import pytest

from kconsist.robustness import CORRUPTIONS, Arrays, NpyFolder, evaluate


def save(folder, name, array):
    np.save(folder / f"{name}.npy", array)


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_each_severity_is_one_block(tmp_path, severity):
    """Block 0 is severity 1, not clean, and severity 5 is the last block."""
    numbers = np.arange(5 * 4, dtype="uint8")
    images = np.broadcast_to(numbers[:, None, None, None], (20, 8, 8, 3))
    save(tmp_path, "fog", np.array(images))
    save(tmp_path, "labels", np.tile([0, 1, 2, 0], 5))
    cell = NpyFolder(tmp_path).cell("fog", severity)
    expected = np.arange(4) + 4 * (severity - 1)
    np.testing.assert_array_equal(cell[:, 0, 0, 0], expected)


def test_files_stay_on_disk(npy_folder):
    source = NpyFolder(npy_folder)
    cell = source.cell("snow", 3)
    assert isinstance(cell, np.memmap) and cell.dtype == np.uint8
    chunks = list(source.chunks("snow", 3, size=5))
    assert [len(chunk) for chunk in chunks] == [5, 5, 2]
    np.testing.assert_array_equal(np.concatenate(chunks), cell)
    (chosen,) = source.chunks("snow", 3, ids=np.array([1, 7]))
    np.testing.assert_array_equal(chosen, cell[[1, 7]])


def test_labels_are_checked(npy_folder):
    labels = np.tile(np.arange(12) % 3, 5)
    source = NpyFolder(npy_folder)
    np.testing.assert_array_equal(source.labels, labels[:12])
    assert source.labels.dtype == np.int64 and source.num_classes == 3
    save(npy_folder, "labels", labels[:, None])  # A column, as in Keras.
    np.testing.assert_array_equal(NpyFolder(npy_folder).labels, labels[:12])
    shuffled = np.append(labels[:-2], labels[[-1, -2]])
    for wrong in (labels[:-1], shuffled, labels[:4]):
        save(npy_folder, "labels", wrong)
        with pytest.raises(ValueError, match="five"):
            NpyFolder(npy_folder)
    save(npy_folder, "labels", np.tile(labels, 2))
    with pytest.raises(ValueError, match="5 blocks of 24 images .* got 60"):
        NpyFolder(npy_folder).check([("fog", 1)])


def test_missing_files_raise(npy_folder, tmp_path, model):
    with pytest.raises(FileNotFoundError, match="no/such"):
        NpyFolder("no/such")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match="labels.npy"):
        NpyFolder(empty)
    save(empty, "labels", np.tile([0, 1], 5))
    with pytest.raises(FileNotFoundError, match="must have a .npy file"):
        NpyFolder(empty)
    (npy_folder / "frost.npy").unlink()
    with pytest.raises(FileNotFoundError, match="frost.npy"):
        evaluate(model, NpyFolder(npy_folder), verbose=0)
    others = evaluate(
        model, NpyFolder(npy_folder), corruptions=["fog"], verbose=0
    )
    assert len(others.rows) == 5


def test_a_truncated_file_raises(npy_folder):
    path = npy_folder / "snow.npy"
    content = path.read_bytes()
    for length in (len(content) - 1, 200, 60, 0):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"snow\.npy.*truncated"):
            NpyFolder(npy_folder).check([("fog", 1), ("snow", 2)])


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["labels", "fog"])
def test_pickles_are_never_loaded(npy_folder, tmp_path, name):
    trapped = tmp_path / "sprung"
    array = np.array([Trap(trapped)] * 60, dtype=object)
    np.save(npy_folder / f"{name}.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match="pickled"):
        NpyFolder(npy_folder).check([("fog", 1)])
    assert not trapped.exists()
    np.load(npy_folder / f"{name}.npy", allow_pickle=True)
    assert trapped.exists()  # The trap works.


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_images_must_be_bytes(npy_folder, dtype):
    save(npy_folder, "fog", np.zeros((60, 8, 8, 3), dtype))
    with pytest.raises(ValueError, match=rf"fog\.npy.* uint8 .* got {dtype}"):
        NpyFolder(npy_folder).check([("fog", 1)])


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((60, 8, 9, 3), "uint8"), r"fog\.npy .*same shape.*8, 9, 3"),
        (np.zeros((60, 8, 8, 1), "uint8"), r"fog\.npy .*same shape.*8, 8, 1"),
        (np.zeros((60, 8, 8), "uint8"), r"fog\.npy must be uint8.*shape"),
        (np.zeros((55, 8, 8, 3), "uint8"), r"fog\.npy must have 5 blocks"),
        (np.zeros((60, 8, 8, 3), "int8"), r"fog\.npy must be uint8.* int8"),
    ],
)
def test_an_inconsistent_file_raises_before_evaluation(
    npy_folder, model, monkeypatch, images, message
):
    def call(*_, **__):
        raise AssertionError("the model was called")

    save(npy_folder, "fog", images)
    monkeypatch.setattr(model, "call", call)
    with pytest.raises(ValueError, match=message):
        evaluate(model, NpyFolder(npy_folder), verbose=0)


def test_labels_of_another_dtype_raise(npy_folder):
    save(npy_folder, "labels", np.zeros(60))
    with pytest.raises(ValueError, match=r"labels\.npy.*integer"):
        NpyFolder(npy_folder)


def test_aligned_clean_images_are_detected(npy_folder):
    images, labels = colored.examples(12)
    aligned = NpyFolder(npy_folder, clean=(images, labels[:, None]))
    assert aligned.aligned and not aligned.notes
    order = np.random.default_rng(0).permutation(12)
    other = NpyFolder(npy_folder, clean=(images[order], labels[order]))
    assert not other.aligned and "another order" in other.notes[0]
    with pytest.raises(ValueError, match="images per class"):
        NpyFolder(npy_folder, clean=(images, np.zeros(12, int)))
    with pytest.raises(ValueError, match="shape"):
        NpyFolder(npy_folder, clean=(images[:, :4], labels))
    with pytest.raises(ValueError, match="uint8"):
        NpyFolder(npy_folder, clean=(images / 255, labels))


def test_fingerprints_depend_on_every_image(npy_folder):
    before = NpyFolder(npy_folder).fingerprint
    images = np.load(npy_folder / "spatter.npy")
    source = NpyFolder(npy_folder)
    for index in ((0, 0, 0, 0), (5, 3, 4, 1), (59, 7, 7, 2)):
        assert NpyFolder(npy_folder).fingerprint == before
        other = images.copy()
        other[index] ^= 1
        save(npy_folder, "spatter", other)
        assert NpyFolder(npy_folder).fingerprint != before
        assert source.fingerprint != before  # The file is read again.
        save(npy_folder, "spatter", images)


def test_a_cell_fingerprint_is_that_of_its_images(npy_folder):
    source = NpyFolder(npy_folder)
    cells = {("fog", s): np.array(source.cell("fog", s)) for s in range(1, 6)}
    same = Arrays(cells, source.labels)
    found = [source.cell_fingerprint("fog", s) for s in range(1, 6)]
    assert found == [same.cell_fingerprint("fog", s) for s in range(1, 6)]
    assert len(set(found)) == 5


def test_the_folder_has_a_file_for_each_corruption(npy_folder):
    found = {path.stem for path in npy_folder.glob("*.npy")}
    assert found == {*CORRUPTIONS, "labels"} and len(found) == 20
