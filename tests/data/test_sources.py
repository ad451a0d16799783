"""Named data sets and their errors."""

import os
import pathlib
import pickle
import sys

import numpy as np
import pytest
import tensorflow as tf

from kconsist import data, views

ROOT = pathlib.Path(__file__).resolve().parents[2]


def assert_examples(examples, count, shape, dtype, num_classes):
    assert isinstance(examples, data.Examples)
    assert examples.images.shape == (count, *shape)
    assert examples.images.dtype == dtype
    assert examples.labels.shape == (count,)
    assert examples.labels.dtype == np.int64
    assert examples.num_classes == len(examples.class_names) == num_classes
    assert set(examples.labels) <= set(range(num_classes))


def test_examples_unpack_and_know_their_classes():
    examples = data.Examples(np.zeros((2, 3)), np.array([0, 4]))
    images, labels = examples
    assert images is examples.images and labels is examples.labels
    assert examples.num_classes == 5 and examples.class_names == ()
    named = data.Examples(images, labels, list("abcdefg"))
    assert named.num_classes == 7
    copy = pickle.loads(pickle.dumps(named))
    assert copy.class_names == named.class_names


def test_examples_are_a_nested_structure_of_tensorflow():
    examples = data.Examples(np.zeros((2, 3)), np.array([0, 4]), "abcde")
    dataset = tf.data.Dataset.from_tensor_slices(examples)
    batches = data.labeled_views(dataset, view=views.Identity(), batch_size=2)
    assert batches.element_spec[1].shape == (2,)


def test_moons_are_two_independent_samples():
    train, test = data.load("moons")
    for split in (train, test):
        assert_examples(split, 1000, (2,), np.float32, 2)
        assert np.all(np.bincount(split.labels) == 500)
    assert np.any(train.images != test.images)
    again, _ = data.load("moons")
    np.testing.assert_array_equal(train.images, again.images)
    other, _ = data.load("moons", seed=1)
    assert np.any(train.images != other.images)
    np.testing.assert_allclose(
        train.images.mean(axis=0), test.images.mean(axis=0), atol=0.1
    )


def test_moons_take_options():
    train, _ = data.load("moons", num_examples=10, noise=0.0)
    assert len(train.images) == 10
    upper = train.images[train.labels == 0]
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1, rtol=1e-6)


def test_digits_are_real_and_have_a_fixed_split():
    train, test = data.load("digits")
    again, _ = data.load("digits", seed=7)
    np.testing.assert_array_equal(train.images, again.images)
    assert len(train.labels) + len(test.labels) == 1797
    for split in (train, test):
        assert_examples(split, len(split.labels), (32, 32, 3), np.uint8, 10)
        fractions = np.bincount(split.labels) / len(split.labels)
        # 174 to 183 of each digit are in the set; rounding adds a little.
        assert np.all(np.abs(fractions - 0.1) < 0.005)
    assert 0.24 < len(test.labels) / 1797 < 0.26
    assert train.images.min() == 0 and train.images.max() == 255
    np.testing.assert_array_equal(train.images[..., 0], train.images[..., 2])
    flat = np.concatenate([train.images, test.images]).reshape(1797, -1)
    assert len(np.unique(flat, axis=0)) == 1797


def test_digits_can_be_resized():
    train, _ = data.load("digits", image_size=(16, 24))
    assert train.images.shape[1:] == (16, 24, 3)


@pytest.fixture
def mock_tfds():
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=12):
        yield


@pytest.mark.parametrize(
    ("name", "shape"), [("cifar10", (32, 32, 3)), ("mnist", (28, 28, 1))]
)
def test_tfds_names_load(mock_tfds, name, shape):
    for split in data.load(name, download=False):
        assert_examples(split, 12, shape, np.uint8, 10)


def test_tfds_images_resize(mock_tfds):
    train, _ = data.load("mnist", image_size=(14, 20))
    assert_examples(train, 12, (14, 20, 1), np.uint8, 10)


def build_tiny(folder, data_name, splits, sizes=(8,), labeled=True):
    """Prepares a data set of 20 images per split, without network access."""
    tfds = pytest.importorskip("tensorflow_datasets")

    class Tiny(tfds.core.GeneratorBasedBuilder):
        """Gray images."""

        # TensorFlow Datasets registers a name once per process.
        name = data_name

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(None, None, 1)),
                "label": tfds.features.ClassLabel(names=["cat", "dog"]),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("image", "label") if labeled else None,
            )

        def _split_generators(self, manager):
            return {split: self._generate_examples() for split in splits}

        def _generate_examples(self):
            for index in range(20):
                size = sizes[index % len(sizes)]
                image = np.full((size, size, 1), index % 2, np.uint8)
                yield index, {"image": image, "label": index % 2}

    Tiny(data_dir=folder).download_and_prepare()


def test_a_tfds_validation_split_replaces_a_missing_test_split(tmp_path):
    build_tiny(tmp_path, "train_and_validation", ["train", "validation"])
    for split in data.load(
        "train_and_validation", data_dir=tmp_path, download=False
    ):
        assert_examples(split, 20, (8, 8, 1), np.uint8, 2)
        assert split.class_names == ("cat", "dog")
        np.testing.assert_array_equal(split.images[:, 0, 0, 0], split.labels)


def test_tfds_without_a_test_split_is_an_error(tmp_path):
    build_tiny(tmp_path, "train_only", ["train"])
    with pytest.raises(ValueError, match=r"test or validation.*\['train'\]"):
        data.load("train_only", data_dir=tmp_path)


def test_tfds_images_of_several_sizes_require_image_size(tmp_path):
    build_tiny(tmp_path, "two_sizes", ["train", "test"], sizes=(8, 9))
    with pytest.raises(ValueError, match="'two_sizes'.*image_size"):
        data.load("two_sizes", data_dir=tmp_path)
    train, _ = data.load("two_sizes", data_dir=tmp_path, image_size=(16, 12))
    assert_examples(train, 20, (16, 12, 1), np.uint8, 2)


def test_tfds_without_class_labels_is_an_error(mock_tfds):
    with pytest.raises(ValueError, match="images and class labels"):
        data.load("imdb_reviews")


def test_tfds_without_supervised_keys_is_an_error(tmp_path):
    build_tiny(tmp_path, "no_keys", ["train", "test"], labeled=False)
    with pytest.raises(ValueError, match="supervised keys"):
        data.load("no_keys", data_dir=tmp_path)


def test_tfds_that_is_not_prepared_is_an_error(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(FileNotFoundError, match="not prepared.*download=False"):
        data.load("cifar10", data_dir=tmp_path, download=False)


def test_an_unknown_name_lists_what_is_accepted():
    with pytest.raises(ValueError, match='"moons", "digits".*folder.*cifar11'):
        data.load("cifar11")
    with pytest.raises(ValueError, match="none of them"):
        data.load(pathlib.Path("no/such/folder"))


def test_the_error_without_tfds_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r'pip install "kconsist\[recipes\]"'):
        data.load("cifar10")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 32}, r"image_size must be \(height, width\), got 32"),
        ({"image_size": (32, 0)}, "image_size width .* got 0"),
        ({"test_fraction": 1.5}, "test_fraction .* got 1.5"),
    ],
)
def test_invalid_arguments_are_rejected(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load("digits", **arguments)
    if "image_size" in arguments:
        with pytest.raises(ValueError, match="image_size"):
            data.load("moons", **arguments)


def test_unknown_option_is_an_error():
    with pytest.raises(TypeError, match="num_exmples"):
        data.load("moons", num_exmples=10)


@pytest.mark.slow
def test_real_cifar10_loads_whole():
    pytest.importorskip("tensorflow_datasets")
    folder = pathlib.Path(
        os.environ.get("TFDS_DATA_DIR", ROOT / "../shared/tensorflow_datasets")
    )
    if not (folder / "cifar10").is_dir():
        pytest.skip(f"no prepared cifar10 in {folder}")
    train, test = data.load("cifar10", data_dir=folder, download=False)
    assert_examples(train, 50_000, (32, 32, 3), np.uint8, 10)
    assert_examples(test, 10_000, (32, 32, 3), np.uint8, 10)
    assert np.all(np.bincount(train.labels) == 5000)
    assert np.all(np.bincount(test.labels) == 1000)
    assert train.class_names[:2] == ("airplane", "automobile")
    # The known mean of the training images, each channel in [0, 1].
    means = train.images.mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=1e-4)
