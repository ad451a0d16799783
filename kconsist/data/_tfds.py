"""Loads data sets of TensorFlow Datasets."""

import importlib.util

import numpy as np
import tensorflow as tf

from kconsist.data._autotuning import without_autotuning
from kconsist.data.examples import Examples


def has_name(name: str) -> bool:
    """Returns whether TensorFlow Datasets is installed and has a data set."""
    if importlib.util.find_spec("tensorflow_datasets") is None:
        return False
    import tensorflow_datasets as tfds

    # "cifar10_corrupted/fog_1:1.0.0" is a name, a configuration, a version.
    return name.split("/")[0].split(":")[0] in tfds.list_builders(
        with_community_datasets=False
    )


def load_tfds(
    name: str,
    *,
    data_dir=None,
    download: bool = True,
    image_size: tuple[int, int] | None = None,
) -> tuple[Examples, Examples]:
    """Returns the train and test split of a named data set; see `load`."""
    import tensorflow_datasets as tfds

    builder = tfds.builder(name, data_dir=data_dir)
    if download:
        builder.download_and_prepare()
    train_split, test_split = _split_names(name, builder.info.splits)
    class_names = _class_names(builder.info)
    splits = []
    for split in (train_split, test_split):
        try:
            dataset = builder.as_dataset(split=split, as_supervised=True)
        except (AssertionError, FileNotFoundError) as error:
            raise FileNotFoundError(
                f"{name!r} is not prepared in {builder.data_dir}, and "
                "download=False: pass the data_dir that contains it, or "
                "download=True"
            ) from error
        images, labels = _read_arrays(name, dataset, image_size)
        splits.append(Examples(images, labels, class_names))
    return splits[0], splits[1]


def _split_names(name, splits):
    test = next((s for s in ("test", "validation") if s in splits), None)
    if splits and ("train" not in splits or test is None):
        raise ValueError(
            f"{name!r} must have a train split and a test or validation "
            f"split, got {sorted(splits)}"
        )
    return "train", test or "test"


def _class_names(info):
    if not info.supervised_keys:
        raise ValueError(
            f"{info.name!r} must be a data set of images and class labels, "
            "got one without supervised keys"
        )
    label = info.features[info.supervised_keys[1]]
    return tuple(getattr(label, "names", None) or ())


def _read_arrays(name, dataset, image_size):
    """Reads a dataset of (image, label) into two arrays, batch by batch."""
    image, label = dataset.element_spec
    if image.shape.rank != 3 or label.shape.rank != 0:
        raise ValueError(
            f"{name!r} must be a data set of images and class labels, got "
            f"{image} and {label}"
        )
    if image_size is not None:

        def resize(image, label):
            image = tf.image.resize(image, image_size, antialias=True)
            return tf.cast(tf.round(image), tf.uint8), label

        dataset = dataset.map(resize, num_parallel_calls=tf.data.AUTOTUNE)
    images, labels = [], []
    batches = without_autotuning(dataset.batch(1024).prefetch(2))
    batches = batches.as_numpy_iterator()
    try:
        for image_batch, label_batch in batches:
            images.append(image_batch)
            labels.append(label_batch)
        return np.concatenate(images), np.concatenate(labels).astype(np.int64)
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        raise ValueError(
            f"all images of {name!r} must have the same size, got different "
            "ones: pass image_size=(height, width) to resize them"
        ) from error
