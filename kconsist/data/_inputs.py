"""Converts and validates sources of examples."""

import numpy as np
import tensorflow as tf


def class_labels(labels) -> np.ndarray:
    """Returns labels as an int32 or int64 array (examples,), or raises.

    A column (examples, 1) is accepted: `keras.datasets.cifar10` has one.
    """
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(
            "labels must be 1-D, one class index per example, got shape "
            f"{labels.shape}: use labels.argmax(axis=1) for one-hot rows"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels must be integer class indices, got dtype {labels.dtype}"
        )
    if labels.size and labels.min() < 0:
        raise ValueError(
            f"labels must not be negative, got {labels.min()}: pass examples "
            "without a label as the unlabeled source"
        )
    if labels.size and labels.max() > np.iinfo(np.int64).max:
        raise ValueError(f"labels must be below 2**63, got {labels.max()}")
    keeps_dtype = labels.dtype in (np.int32, np.int64)
    return labels if keeps_dtype else labels.astype(np.int64)


def image_array(images) -> np.ndarray:
    """Returns images as a uint8 or float array (examples, ...), or raises."""
    images = np.asarray(images)
    is_float = np.issubdtype(images.dtype, np.floating)
    if not is_float and images.dtype != np.uint8:
        raise ValueError(
            "images must be uint8 (0 to 255) or float, got dtype "
            f"{images.dtype}"
        )
    if images.ndim < 2:
        raise ValueError(
            "images must have a batch axis and at least one more, got shape "
            f"{images.shape}"
        )
    if len(images) == 0:
        raise ValueError(
            f"a source must not be empty, got images of shape {images.shape}"
        )
    if is_float and not _is_finite(images):
        raise ValueError("images must be finite, got NaN or infinity")
    return images


def _is_finite(images):
    # In chunks: a mask of all images would be as large as the images.
    size = max(1, 2**20 // max(1, images[0].size))
    return all(
        np.isfinite(images[start : start + size]).all()
        for start in range(0, len(images), size)
    )


def check_same_length(images, labels) -> None:
    """Raises `ValueError` unless there is one label for each image."""
    if len(images) != len(labels):
        raise ValueError(
            "a source must have one label for each image, got "
            f"{len(images)} images and {len(labels)} labels"
        )


def standardize_source(source, *, labeled: bool, name: str):
    """Returns a source as a tuple of arrays, or as a dataset of tuples.

    Args:
        source: `(images, labels)` arrays, or a `tf.data.Dataset` of unbatched
            `(image, label)`; if unlabeled, also just images.
        labeled: whether labels are required; otherwise they are left out.
        name: name of the source in errors.

    Returns:
        `(images, labels)` or `(images,)`, or a dataset of such tuples.
    """
    if isinstance(source, tf.data.Dataset):
        return _standardize_dataset(source, labeled, name)
    is_pair = isinstance(source, tuple) and len(source) == 2
    if not labeled and not isinstance(source, tuple | list):
        return (image_array(source),)
    if not is_pair:
        expected = "(images, labels)" if labeled else "images, (images, labels)"
        raise ValueError(
            f"{name} must be {expected} or a tf.data.Dataset, got "
            f"{type(source).__name__}"
        )
    images = image_array(source[0])
    check_same_length(images, source[1])
    if not labeled:
        return (images,)
    return images, class_labels(source[1])


def _standardize_dataset(dataset, labeled, name):
    spec = dataset.element_spec
    is_pair = isinstance(spec, tuple) and len(spec) == 2
    if not is_pair and (labeled or not isinstance(spec, tf.TensorSpec)):
        raise ValueError(
            f"{name} must be a dataset of (image, label), got elements {spec}"
        )
    image = spec[0] if is_pair else spec
    if image.shape.rank in (0, 4):
        raise ValueError(
            f"{name} must be a dataset of single images, got images of shape "
            f"{image.shape}: call unbatch() on a batched dataset"
        )
    if image.dtype != tf.uint8 and not image.dtype.is_floating:
        raise ValueError(
            f"{name} must have images of uint8 (0 to 255) or float, got dtype "
            f"{image.dtype.name}"
        )
    is_index = is_pair and spec[1].shape.as_list() in ([], [1])
    if labeled and not (is_index and spec[1].dtype.is_integer):
        raise ValueError(
            f"{name} must have one integer class index per label, got "
            f"{spec[1].dtype.name} of shape {spec[1].shape}"
        )
    if dataset.cardinality() == 0:
        raise ValueError(f"{name} must not be empty, got no element")

    def standardize(*element):
        # A namedtuple reaches `map` as one element, a plain tuple as two.
        element = tf.nest.flatten(element)
        return _example(*element) if labeled else _example(element[0])

    return dataset.map(standardize)


def _example(image, label=None):
    """Returns one example with the dtypes and shapes that arrays get."""
    if image.dtype == tf.float64:
        image = tf.cast(image, tf.float32)
    if label is None:
        return (image,)
    if label.dtype not in (tf.int32, tf.int64):
        label = tf.cast(label, tf.int64)
    return image, tf.reshape(label, ())


def add_index(source):
    """Returns a standardized source of images with int32 indices added."""
    if not isinstance(source, tf.data.Dataset):
        return *source, np.arange(len(source[0]), dtype=np.int32)
    return source.enumerate().map(
        lambda index, image: (*image, tf.cast(index, tf.int32))
    )


def image_shape(source) -> tf.TensorShape:
    """Returns the shape of one image of a standardized source."""
    if isinstance(source, tf.data.Dataset):
        return source.element_spec[0].shape
    return tf.TensorShape(source[0].shape[1:])


def num_examples(source) -> int:
    """Returns the number of examples of a source, or raises `ValueError`."""
    if not isinstance(source, tf.data.Dataset):
        return len(source[0])
    size = int(source.cardinality())
    if size < 0:
        raise ValueError(
            "steps must be given for a dataset of unknown or infinite "
            f"cardinality, got steps=None and cardinality {size}"
        )
    return size
