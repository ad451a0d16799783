"""The released images with the names and the order of TFDS."""

import shutil

import colored
import numpy as np
import pytest

from kconsist.robustness import TFDS, NpyFolder, evaluate

tfds = pytest.importorskip("tensorflow_datasets")

COUNT = 24
NAMES = ["glass_blur", "elastic_transform", "brightness"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Fake released files, and six configurations prepared from them."""
    folder = tmp_path_factory.mktemp("tfds")
    extracted = folder / "CIFAR-10-C"
    colored.write_npy_folder(extracted, COUNT, NAMES, side=32)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            tfds.download.DownloadManager,
            "download_and_extract",
            lambda self, url: str(folder),
        )
        for name in ("frosted_glass_blur", "elastic", "brightness"):
            for severity in (1, 5):
                tfds.builder(
                    f"cifar10_corrupted/{name}_{severity}",
                    data_dir=folder / "prepared",
                ).download_and_prepare()
        prepare_clean(folder / "prepared")
    return folder


def prepare_clean(data_dir):
    class FakeClean(tfds.core.GeneratorBasedBuilder):
        """The images of three colors."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(32, 32, 3)),
                "label": tfds.features.ClassLabel(num_classes=10),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("image", "label"),
            )

        def _split_generators(self, dl_manager):
            return {"test": self._generate_examples()}

        def _generate_examples(self):
            images, labels = colored.examples(COUNT, side=32)
            for number in range(COUNT):
                yield (
                    f"clean {number}",
                    {"image": images[number], "label": labels[number]},
                )

    FakeClean(data_dir=data_dir).download_and_prepare()


@pytest.fixture
def ten_classes():
    """The network of three colors with seven classes it never predicts."""
    import keras

    images = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    dense = keras.layers.Dense(10)
    model = keras.Model(images, dense(x))
    weights = np.zeros((3, 10), "float32")
    weights[:, :3] = 0.05 * np.eye(3)
    dense.set_weights([weights, np.array([0] * 3 + [-99] * 7, "float32")])
    return model


def sorted_rows(images):
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    return flat[np.lexsort(flat.T)]


def test_cells_have_the_images_of_the_files_in_another_order(prepared):
    source = TFDS(data_dir=prepared / "prepared", clean=None)
    files = NpyFolder(prepared / "CIFAR-10-C")
    assert source.num_classes == 10 and len(source.labels) == COUNT
    for name in NAMES:
        for severity in (1, 5):
            found = source.cell(name, severity)
            expected = files.cell(name, severity)
            assert np.any(found != expected)  # Another order,
            np.testing.assert_array_equal(  # of the same images.
                sorted_rows(found), sorted_rows(expected)
            )


@pytest.mark.slow
def test_scores_equal_those_of_the_files(prepared, ten_classes):
    source = TFDS(data_dir=prepared / "prepared", clean="fake_clean")
    files = NpyFolder(
        prepared / "CIFAR-10-C",
        clean=colored.examples(COUNT, side=32),
        num_classes=10,
    )
    options = dict(
        corruptions=NAMES, severities=[1, 5], batch_size=10, verbose=0
    )
    found = evaluate(ten_classes, source, **options)
    expected = evaluate(ten_classes, files, **options)
    assert found.cells == expected.cells
    for row, other in zip(found.rows, expected.rows, strict=True):
        for name in ("accuracy", "error"):
            assert row[name] == pytest.approx(other[name])
        for name in ("nll", "ece", "rms_calibration"):
            assert row[name] == pytest.approx(other[name], abs=1e-5)
        assert row["disagreement"] is None and other["disagreement"] is not None
        assert row["data"] in ("clean", "TFDS")
    assert found.rows[0]["accuracy"] > 0.4
    assert "not defined" in found.to_markdown()
    assert "mean_disagreement" not in found.summaries
    few = evaluate(ten_classes, source, examples=9, **options)
    assert {row["examples"] for row in few.rows} == {9}


def test_a_cell_fingerprint_depends_on_its_files(prepared, tmp_path):
    copy = shutil.copytree(prepared / "prepared", tmp_path / "copy")
    source, other = (
        TFDS(data_dir=folder, clean=None)
        for folder in (prepared / "prepared", copy)
    )
    cells = [(name, severity) for name in NAMES for severity in (1, 5)]
    found = [source.cell_fingerprint(*cell) for cell in cells]
    assert found == [other.cell_fingerprint(*cell) for cell in cells]
    assert len(set(found)) == len(cells)
    (file,) = (copy / "cifar10_corrupted" / "elastic_5").rglob("*.tfrecord*")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    changed = [other.cell_fingerprint(*cell) for cell in cells]
    expected = ("elastic_transform", 5)
    for cell, old, new in zip(cells, found, changed, strict=True):
        assert (old != new) == (cell == expected)


def test_missing_data_sets_raise(prepared, tmp_path, ten_classes):
    with pytest.raises(FileNotFoundError, match="cifar10_corrupted.*prepared"):
        TFDS(data_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="'cifar10' is not prepared"):
        TFDS(data_dir=prepared / "prepared")
    source = TFDS(data_dir=prepared / "prepared", clean=None)
    with pytest.raises(FileNotFoundError, match="fog_1"):
        evaluate(ten_classes, source, corruptions=["fog"], verbose=0)
    with pytest.raises(FileNotFoundError, match="elastic_2"):
        source.check([("elastic_transform", 1), ("elastic_transform", 2)])
    with pytest.raises(ValueError, match="corruption must be one of"):
        source.cell("elastic", 1)  # The TFDS name.
