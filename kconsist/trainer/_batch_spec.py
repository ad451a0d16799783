"""What the values in a batch must be, checked as it is read.

Labels in range, no NaN, matching labels in a zipped pair, equal parts for all
replicas. The checks run in the input pipeline, so they hold under XLA and on
any device.
"""

import typing

import numpy as np
import tensorflow as tf

from kconsist import _checks
from kconsist.trainer import _batch

MARK = "kconsist: "  # Where the text of an error begins.


class BatchSpec(typing.NamedTuple):
    """What a trainer expects of its batches.

    Attributes:
        views: names of the views.
        optional: names of the optional views.
        num_classes: labels lie below it; None for no check of their range.
        num_examples: the view "index" lies below it; None where there is none.
        num_replicas: the batch size of each view is a multiple of it.
    """

    views: tuple
    optional: tuple = ()
    num_classes: int | None = None
    num_examples: int | None = None
    num_replicas: int = 1


def batch_spec(trainer) -> BatchSpec:
    """Returns what a trainer expects."""
    return BatchSpec(
        trainer.views,
        trainer.optional_views,
        _checks.num_classes(trainer),
        trainer.num_examples,
        trainer.distribute_strategy.num_replicas_in_sync,
    )


def validate(dataset: tf.data.Dataset, expected: BatchSpec):
    """Returns the data set with every batch checked as it is read.

    Args:
        dataset: batches as `_batch.unpack` takes them.
        expected: what the trainer expects of them.

    Raises:
        ValueError: at once for a wrong structure or dtype. A wrong value raises
            `tf.errors.InvalidArgumentError` on reading; see `as_value_error`.
    """
    _batch.unpack(dataset.element_spec, expected.views, expected.optional)

    @tf.autograph.experimental.do_not_convert
    def check(*data):
        assertions = []
        if _batch.is_zipped_pair(data):
            (_, labels), (_, others) = data
            assertions.append(_assert_paired(labels, others))
        images, labels, sample_weight = _batch.unpack(
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

    # One call reads one batch ahead; more would count short epochs as read.
    return dataset.map(check, num_parallel_calls=1)


def _assert(condition, data, summarize=3):
    """Returns an operation that fails, with the data, unless a condition holds.

    `tf.debugging.Assert` has a `tf.cond` around it, whose branches take each
    new iterator several milliseconds.
    """
    return tf.raw_ops.Assert(
        condition=condition, data=data, summarize=summarize
    )


def _assert_paired(labels, others):
    others = tf.cast(_batch.without_axis(others), labels.dtype)
    labels = _batch.without_axis(labels)
    return _assert(
        tf.reduce_all(tf.equal(labels, others)),
        [
            MARK + "the clean and the noisy data set must give the same images "
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


def _assert_below(values, size, message):
    """Asserts that integers lie in [0, size); `message` begins the error."""
    values = tf.cast(values, "int64")  # `size` may not fit their dtype.
    low, high = tf.reduce_min(values), tf.reduce_max(values)
    inside = tf.logical_and(low >= 0, high < size)
    return _assert(inside, [MARK + message, low, "to", high])


def _assert_divisible(name, view, num_replicas):
    """Asserts that replicas get equal parts, as means over them require."""
    size = tf.shape(view)[0]
    return _assert(
        size % num_replicas == 0, [MARK + _divides(name, num_replicas), size]
    )


def _assert_not_nan(name, view):
    return _assert(
        tf.logical_not(tf.reduce_any(tf.math.is_nan(view))),
        [MARK + _nan(name)],
    )


def check_batch(data, expected: BatchSpec) -> None:
    """Raises `ValueError` for a batch of arrays, as `validate` for a data set.

    Args:
        data: `(images, labels[, sample_weight])`, see `_batch.unpack`.
        expected: what the trainer expects of it.
    """
    images, labels, _ = _batch.unpack(data, expected.views, expected.optional)
    for values, size, message in _limits(images, np.asarray(labels), expected):
        low, high = np.min(values), np.max(values)
        if low < 0 or high >= size:
            raise ValueError(f"{message} {low} to {high}")
    for name, view in images.items():
        view = np.asarray(view)
        if np.issubdtype(view.dtype, np.floating) and np.isnan(view).any():
            raise ValueError(_nan(name))
        if len(view) % expected.num_replicas:
            message = _divides(name, expected.num_replicas)
            raise ValueError(f"{message} {len(view)}")


def _limits(images, labels, expected):
    """Returns (integers, their exclusive upper bound, the error's text)."""
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


def _divides(name, num_replicas):
    return (
        f"every batch must divide among the {num_replicas} replicas: leave out "
        "a smaller last one, for example by batch(…, drop_remainder=True), got "
        f"for the view {name} a batch of"
    )


def _nan(name):
    return f"images must be numbers, got NaN in the view {name}"


def as_value_error(error: tf.errors.InvalidArgumentError) -> Exception:
    """Returns the `ValueError` for a failed check, or the error as it is."""
    if MARK not in error.message:
        return error
    message = error.message.split(MARK, 1)[1]
    message = message.split("\n\t [[", 1)[0].split("\nTraceback", 1)[0]
    parts = (part.strip("' ") for part in message.split("] ["))
    return ValueError(" ".join(parts).rstrip("]'"))
