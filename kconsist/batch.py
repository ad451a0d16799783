"""A batch: named views of images, with the labels of the labeled ones.

`({"view name": images, …}, labels[, sample_weight])`. The published pair of
pairs, `((clean, labels), (noisy, labels))`, becomes the same.
"""

import typing

import keras
import numpy as np
import tensorflow as tf
from keras import ops

_MARK = "kconsist: "


class Expected(typing.NamedTuple):
    """What a trainer expects of its batches.

    Attributes:
        views: names of the views.
        optional: names of the optional views.
        num_classes: labels lie below it; None for no check of their range.
        num_examples: the view "index" lies below it; None where there is none.
        num_replicas: each view divides among so many replicas.
    """

    views: tuple
    optional: tuple = ()
    num_classes: int | None = None
    num_examples: int | None = None
    num_replicas: int = 1


def is_zipped_pair(data) -> bool:
    """Says whether an element is ((clean, labels), (noisy, labels))."""
    return (
        isinstance(data, (tuple, list))
        and len(data) == 2
        and all(isinstance(p, (tuple, list)) and len(p) == 2 for p in data)
    )


def unpack(data, views: tuple, optional: tuple = ()):
    """Returns `(views, labels, sample_weight)` of one element of a data set.

    Labels, weights and indices of shape (batch, 1) become (batch,); weights
    become float32 and indices int32.

    Args:
        data: `(images, labels[, sample_weight])`, with `images` a dict of the
            named views, or a tensor where the method has one view only; or the
            zipped pair of the published example.
        views: names that have to be there.
        optional: names that may be there, all or none.

    Raises:
        ValueError: a view is missing, there are no labels, they are floats, or
            a shape is not known.
    """
    if is_zipped_pair(data) and views == ("clean", "noisy"):
        (clean, labels), (noisy, _) = data
        images, sample_weight = {"clean": clean, "noisy": noisy}, None
    else:
        unpacked = keras.utils.unpack_x_y_sample_weight(data)
        images, labels, sample_weight = unpacked
    if not isinstance(images, dict) and len(views) == 1:
        images = {views[0]: images}
    _check_views(images, views, optional)
    _check_labels(labels)
    _check_known("sample_weight", sample_weight)
    if "index" in images:
        index = _without_axis(images["index"], dtype="int32")
        images = {**images, "index": index}
    sample_weight = _without_axis(sample_weight, dtype="float32")
    return images, _without_axis(labels), sample_weight


def _without_axis(values, dtype=None):
    """Returns values (batch, 1) as (batch,); a specification as it is."""
    if values is None or isinstance(values, tf.TensorSpec):
        return values
    values = ops.convert_to_tensor(values)
    column = len(values.shape) == 2 and values.shape[-1] == 1
    values = ops.squeeze(values, axis=-1) if column else values
    return values if dtype is None else ops.cast(values, dtype)


def _check_known(name, values):
    """Raises where a column could not be told from a row of its length."""
    shape = tf.TensorShape(None if values is None else values.shape)
    if values is not None and (shape.rank is None or None in shape[1:]):
        raise ValueError(
            f"{name} must have a known shape, (batch,) or (batch, 1), got "
            f"{shape}: give it in the data set's signature"
        )


def _check_views(images, views, optional):
    if not isinstance(images, dict):
        what = f"a {type(images).__name__}"
    else:
        extra = [name for name in optional if name in images]
        wanted = [*views, *(optional if extra else ())]
        if all(name in images for name in wanted):
            return
        views, what = wanted, f"the views {sorted(images)}"
    raise ValueError(
        f"a batch must be ({{view: images}}, labels) with the views "
        f"{list(views)}, got {what}"
    )


def _check_labels(labels):
    if labels is None:
        raise ValueError(
            "a batch must be (views, labels), got no labels beside the views"
        )
    _check_known("labels", labels)
    shape, dtype = tuple(labels.shape), tf.as_dtype(labels.dtype)
    soft = len(shape) == 2 and shape[-1] != 1
    if dtype.is_floating and not soft:
        raise ValueError(
            "labels must be integers, the index of each class, got "
            f"{dtype.name} of shape {shape}"
        )


def checked(dataset: tf.data.Dataset, expected: Expected):
    """Returns a data set whose every batch is checked as it is read.

    The checks run in the input pipeline, so they hold under XLA and on every
    device: labels in range, no NaN in the images, both halves of a zipped pair
    with the same labels.

    Args:
        dataset: batches as `unpack` takes them.
        expected: what the trainer expects of them.

    Raises:
        ValueError: at once for a wrong structure or dtype. A wrong value raises
            `tf.errors.InvalidArgumentError` on reading; see `readable`.
    """
    unpack(dataset.element_spec, expected.views, expected.optional)

    def check(*data):
        assertions = []
        if is_zipped_pair(data):
            (_, labels), (_, others) = data
            assertions.append(_assert_paired(labels, others))
        images, labels, sample_weight = unpack(
            data, expected.views, expected.optional
        )
        assertions += [
            _assert_below(*limit) for limit in _limits(images, labels, expected)
        ]
        assertions += [
            _assert_not_nan(name, view)
            for name, view in images.items()
            if view.dtype.is_floating
        ]
        if expected.num_replicas > 1:
            assertions += [
                _assert_divisible(name, view, expected.num_replicas)
                for name, view in images.items()
            ]
        with tf.control_dependencies(assertions):
            labels = tf.identity(labels)
        if sample_weight is None:
            return images, labels
        return images, labels, sample_weight

    # One call reads one batch ahead: more would count short epochs as read.
    return dataset.map(check, num_parallel_calls=1)


def _assert_paired(labels, others):
    others = tf.cast(_without_axis(others), labels.dtype)
    labels = _without_axis(labels)
    return tf.debugging.Assert(
        tf.reduce_all(tf.equal(labels, others)),
        [
            _MARK
            + "the clean and the noisy data set must give the same images "
            "in the same order, and their labels differ:",
            labels,
            "against",
            others,
            "(two shuffles with one seed drift apart once one of them has been "
            "read on its own: make both views from one element, see "
            "kconsist.data.clean_noisy)",
        ],
        summarize=8,
    )


def _assert_below(values, size, words):
    """Asserts that integers lie in [0, size); `words` says so."""
    values = tf.cast(values, "int64")  # Where `size` has room.
    low, high = tf.reduce_min(values), tf.reduce_max(values)
    inside = tf.logical_and(low >= 0, high < size)
    return tf.debugging.Assert(inside, [_MARK + words, low, "to", high])


def _assert_divisible(name, view, num_replicas):
    """Asserts that replicas get equal parts; their means would differ else."""
    words = (
        f"every batch must divide among the {num_replicas} replicas: leave out "
        "a smaller last one, for example by batch(…, drop_remainder=True), got "
        f"for the view {name} a batch of"
    )
    size = tf.shape(view)[0]
    return tf.debugging.Assert(size % num_replicas == 0, [_MARK + words, size])


def _assert_not_nan(name, view):
    return tf.debugging.Assert(
        tf.logical_not(tf.reduce_any(tf.math.is_nan(view))),
        [_MARK + _nan(name)],
    )


def check_arrays(images, labels, expected: Expected):
    """Raises `ValueError` for arrays as `checked` does for a data set."""
    images, labels, _ = unpack(
        (images, labels), expected.views, expected.optional
    )
    for values, size, words in _limits(images, np.asarray(labels), expected):
        low, high = np.min(values), np.max(values)
        if low < 0 or high >= size:
            raise ValueError(f"{words} {low} to {high}")
    for name, view in images.items():
        view = np.asarray(view)
        if np.issubdtype(view.dtype, np.floating) and np.isnan(view).any():
            raise ValueError(_nan(name))


def _limits(images, labels, expected):
    """Returns (integers, the number they lie below, what to say if not)."""
    limits = []
    num_classes, num_examples = expected.num_classes, expected.num_examples
    if num_classes and tf.as_dtype(labels.dtype).is_integer:
        limits.append((labels, num_classes, _range(num_classes)))
    if num_examples is not None:
        limits.append((images["index"], num_examples, _index(num_examples)))
    return limits


def _range(num_classes):
    return (
        f"labels must lie in [0, {num_classes - 1}], the student has "
        f"{num_classes} classes, got labels from"
    )


def _index(num_examples):
    return (
        f"the view index must lie in [0, {num_examples - 1}], one number for "
        f"each of the {num_examples} unlabeled images, got"
    )


def _nan(name):
    return f"images must be numbers, got NaN in the view {name}"


def readable(error: tf.errors.InvalidArgumentError) -> Exception:
    """Returns the `ValueError` for a failed check, or the error as it is."""
    if _MARK not in error.message:
        return error
    message = error.message.split(_MARK, 1)[1].split("\n\t [[", 1)[0]
    parts = (part.strip("' ") for part in message.split("] ["))
    return ValueError(" ".join(parts).rstrip("]'"))
