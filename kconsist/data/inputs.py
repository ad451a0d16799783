"""Turns what a caller gives into arrays, or says what is wrong with it."""

import numpy as np
import tensorflow as tf


def whole_number(name: str, value, minimum: int = 1) -> int:
    """Returns `value` as an int, or raises `ValueError` naming `name`."""
    is_integer = isinstance(value, int | np.integer)
    if not is_integer or isinstance(value, bool) or value < minimum:
        raise ValueError(
            f"{name} must be an integer of at least {minimum}, got {value!r}"
        )
    return int(value)


def class_labels(labels) -> np.ndarray:
    """Returns labels as an int32 or int64 array (examples,), or raises."""
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(
            "labels must be 1-D, one class index an example, got shape "
            f"{labels.shape}: use labels[:, 0] for a column of indices, or "
            "labels.argmax(axis=1) for one-hot rows"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels must be integer class indices, got dtype {labels.dtype}"
        )
    if labels.size and labels.min() < 0:
        raise ValueError(
            f"labels must not be negative, got {labels.min()}: give examples "
            "without a label as the unlabeled source"
        )
    keeps_dtype = labels.dtype in (np.int32, np.int64)
    return labels if keeps_dtype else labels.astype(np.int64)


def image_array(images) -> np.ndarray:
    """Returns images as a uint8 or float array (examples, ...), or raises.

    float64 becomes float32; other dtypes stay as they are.
    """
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
        raise ValueError(f"the source is empty: images of {images.shape}")
    if is_float and not np.isfinite(images).all():
        raise ValueError("images must be finite, got NaN or infinity")
    return images.astype(np.float32) if images.dtype == np.float64 else images


def same_length(images, labels) -> None:
    """Raises `ValueError` unless there is one label for each image."""
    if len(images) != len(labels):
        raise ValueError(
            "a source must have one label for each image, got "
            f"{len(images)} images and {len(labels)} labels"
        )


def read_source(source, *, labeled: bool, name: str):
    """Returns a source as a tuple of arrays, or a dataset of tuples.

    Args:
        source: `(images, labels)` arrays, or a `tf.data.Dataset` of unbatched
            `(image, label)`; unlabeled, also images alone.
        labeled: whether labels are wanted; otherwise they are left out.
        name: what the source is called in errors.

    Returns:
        `(images, labels)` or `(images,)`, or a dataset of such tuples.
    """
    if isinstance(source, tf.data.Dataset):
        return _read_dataset(source, labeled, name)
    is_pair = isinstance(source, tuple) and len(source) == 2
    if not labeled and not isinstance(source, tuple | list):
        return (image_array(source),)
    if not is_pair:
        wanted = "(images, labels)" if labeled else "images, (images, labels)"
        raise ValueError(
            f"{name} must be {wanted} or a tf.data.Dataset, got "
            f"{type(source).__name__}"
        )
    images = image_array(source[0])
    same_length(images, source[1])
    if not labeled:
        return (images,)
    return images, class_labels(source[1])


def _read_dataset(dataset, labeled, name):
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
            f"{name}: images must be uint8 (0 to 255) or float, got dtype "
            f"{image.dtype.name}"
        )
    if labeled and (spec[1].shape.rank != 0 or not spec[1].dtype.is_integer):
        raise ValueError(
            f"{name}: a label must be one integer class index, got "
            f"{spec[1].dtype.name} of shape {spec[1].shape}"
        )
    if dataset.cardinality() == 0:
        raise ValueError(f"{name} is empty")
    if not is_pair:
        return dataset.map(lambda image: (image,))
    if labeled:
        return dataset.map(lambda *element: _pair(element, spec[1].dtype))
    return dataset.map(lambda *element: (_pair(element, spec[1].dtype)[0],))


def _pair(element, label_dtype):
    # A namedtuple reaches `map` as one element, a plain tuple as two.
    image, label = element[0] if len(element) == 1 else element
    narrow = label_dtype not in (tf.int32, tf.int64)
    return image, tf.cast(label, tf.int64) if narrow else label


def numbered(source):
    """Returns a checked source of images with the int32 index of each."""
    if not isinstance(source, tf.data.Dataset):
        return *source, np.arange(len(source[0]), dtype=np.int32)
    return source.enumerate().map(
        lambda index, image: (*image, tf.cast(index, tf.int32))
    )


def example_shape(source) -> tf.TensorShape:
    """Returns the shape of one image of a checked source."""
    if isinstance(source, tf.data.Dataset):
        return source.element_spec[0].shape
    return tf.TensorShape(source[0].shape[1:])
