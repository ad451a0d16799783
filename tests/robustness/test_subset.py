"""A subset of the examples with the class proportions of the whole set."""

import numpy as np
import pytest

from kconsist.robustness._subset import stratified_subset


@pytest.mark.parametrize("examples", [10, 25, 99])
def test_class_proportions_are_kept(examples):
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    ids = stratified_subset(labels, examples)
    assert len(ids) == len(set(ids)) == examples
    assert np.all(np.diff(ids) > 0)
    counts = np.bincount(labels[ids], minlength=3)
    expected = examples * np.array([0.5, 0.3, 0.2])
    assert np.all(np.abs(counts - expected) <= 1)


def test_the_seed_determines_the_subset():
    labels = np.arange(100) % 10
    first = stratified_subset(labels, 30, seed=0)
    np.testing.assert_array_equal(first, stratified_subset(labels, 30, seed=0))
    assert np.any(first != stratified_subset(labels, 30, seed=1))


def test_all_examples_give_no_ids():
    labels = np.arange(10)
    assert stratified_subset(labels, None) is None
    assert stratified_subset(labels, 10) is None


@pytest.mark.parametrize("examples", [0, -1, 11, 2.5, True, "3"])
def test_a_wrong_number_raises(examples):
    with pytest.raises(ValueError, match="examples must be"):
        stratified_subset(np.arange(10), examples)
