"""Label splits: balanced, nested, reproducible."""

import numpy as np
import pytest

from kconsist import data

LABELS = np.random.default_rng(0).integers(0, 10, 1000)


@pytest.mark.parametrize("per_class", [1, 4, 25])
def test_split_is_balanced_and_complete(per_class):
    labeled, unlabeled = data.split_labels(LABELS, per_class=per_class)
    assert np.all(np.bincount(LABELS[labeled]) == per_class)
    assert labeled.dtype == unlabeled.dtype == np.int64
    joined = np.concatenate([labeled, unlabeled])
    np.testing.assert_array_equal(np.sort(joined), np.arange(1000))
    assert np.all(np.diff(labeled) > 0) and np.all(np.diff(unlabeled) > 0)


def test_split_depends_only_on_the_seed():
    one, _ = data.split_labels(LABELS, per_class=4, seed=1)
    again, _ = data.split_labels(list(LABELS), per_class=4, seed=1)
    other, _ = data.split_labels(LABELS, per_class=4, seed=2)
    np.testing.assert_array_equal(one, again)
    assert np.any(one != other)


def test_splits_of_one_seed_are_nested():
    few, _ = data.split_labels(LABELS, per_class=4, seed=3)
    many, _ = data.split_labels(LABELS, per_class=25, seed=3)
    assert set(few) < set(many)


def test_unlabeled_indices_may_include_the_labeled():
    labeled, unlabeled = data.split_labels(
        LABELS, per_class=4, include_labeled=True
    )
    assert len(labeled) == 40
    np.testing.assert_array_equal(unlabeled, np.arange(1000))


@pytest.mark.parametrize(
    ("labels", "per_class", "message"),
    [
        ([0, 0, 1], 2, "per_class=2 examples, got 1 of class 1"),
        ([0, 1], 0, "per_class must be .* got 0"),
        ([0, 1], 1.5, "per_class must be .* got 1.5"),
        ([0.0, 1.0], 1, "integer.*float64"),
        ([[0, 1], [1, 0]], 1, r"1-D.*\(2, 2\)"),
        (np.array([], int), 1, "empty"),
    ],
)
def test_invalid_arguments_are_rejected(labels, per_class, message):
    with pytest.raises(ValueError, match=message):
        data.split_labels(labels, per_class=per_class)
