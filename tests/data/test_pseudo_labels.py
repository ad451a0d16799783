"""Selection of pseudo-labels by confidence, balanced by class."""

import numpy as np
import pytest

from kconsist import data


def select_by_loops(probabilities, threshold, per_class):
    chosen = []
    for c in range(probabilities.shape[1]):
        members = []
        for i, row in enumerate(probabilities):
            if row.argmax() == c and row.max() > threshold:
                members.append((-row.max(), i))
        members = [i for _, i in sorted(members)]
        for position in range(per_class if members else 0):
            chosen.append(members[position % len(members)])
    return chosen


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("per_class", [1, 3, 40])
def test_matches_the_loops(threshold, per_class, rng):
    probabilities = rng.dirichlet(np.ones(4), 50)
    found = data.select_pseudo_labels(
        probabilities, per_class=per_class, threshold=threshold
    )
    expected = select_by_loops(probabilities, threshold, per_class)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int64


def test_confidence_must_exceed_the_threshold():
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75]])
    found = data.select_pseudo_labels(probabilities, per_class=1, threshold=0.5)
    assert list(found) == [1]


@pytest.mark.parametrize(
    "probabilities, options, message",
    [
        (np.array([[3.0, -1.0]]), {}, "take the softmax of logits"),
        (np.array([0.5, 0.5]), {}, r"got shape \(2,\)"),
        (np.zeros((0, 3)), {}, "at least one image"),
        (
            np.full((2, 4), 0.25),
            {},
            "above the threshold of 0.3, got at most 0.25",
        ),
        (np.eye(2), {"per_class": 0}, "per_class must be an integer"),
        (np.eye(2), {"threshold": 2}, r"threshold must be in \[0, 1\]"),
    ],
)
def test_invalid_arguments_are_rejected(probabilities, options, message):
    with pytest.raises(ValueError, match=message):
        data.select_pseudo_labels(probabilities, **{"per_class": 1, **options})
