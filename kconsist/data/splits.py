"""Splits of a data set: labeled and unlabeled, train and test."""

import numpy as np

from kconsist import _checks
from kconsist.data import _inputs


def split_labels(
    labels: np.ndarray,
    *,
    per_class: int,
    seed: int = 0,
    include_labeled: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses the examples that keep their labels, equally many per class.

    The choice depends only on `labels` and `seed`. Splits of one seed are
    nested: the labeled indices of `per_class=4` are among those of
    `per_class=25`, so runs with more labels extend runs with fewer.

    Args:
        labels: integer array (examples,), class indices.
        per_class: number of labeled examples per class.
        seed: seed of the random choice. Defaults to `0`.
        include_labeled: whether the unlabeled indices are those of *all*
            examples, including the labeled ones, as in FixMatch's own code.
            Defaults to `False`: the two sets are disjoint.

    Returns:
        `(labeled_indices, unlabeled_indices)`, sorted int64 arrays.

    Raises:
        ValueError: labels are not 1-D integers, `per_class` is below 1, or a
            class has fewer than `per_class` examples.

    Example:
        ```python
        import numpy as np
        from kconsist import data

        labels = np.array([0, 1, 0, 1, 0, 1])
        labeled, unlabeled = data.split_labels(labels, per_class=1)
        assert len(labeled) == 2 and len(unlabeled) == 4
        ```
    """
    labels = _inputs.class_labels(labels)
    per_class = _checks.as_integer("per_class", per_class)
    if len(labels) == 0:
        raise ValueError("labels must not be empty, got no label")
    labeled = []
    for class_index, members in _shuffled_classes(labels, seed):
        if len(members) < per_class:
            raise ValueError(
                f"every class must have at least per_class={per_class} "
                f"examples, got {len(members)} of class {class_index}"
            )
        labeled.append(members[:per_class])
    labeled = np.sort(np.concatenate(labeled)).astype(np.int64)
    everything = np.arange(len(labels), dtype=np.int64)
    if include_labeled:
        return labeled, everything
    return labeled, np.setdiff1d(everything, labeled)


def stratified_split(
    labels: np.ndarray, test_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns sorted train and test indices; both contain every class."""
    if not 0 < test_fraction < 1:
        raise ValueError(
            f"test_fraction must be between 0 and 1, got {test_fraction}"
        )
    test = []
    for class_index, members in _shuffled_classes(labels, seed):
        if len(members) < 2:
            raise ValueError(
                "a split into train and test requires at least 2 examples per "
                f"class, got {len(members)} of class {class_index}"
            )
        size = round(len(members) * test_fraction)
        test.append(members[: min(max(size, 1), len(members) - 1)])
    test = np.sort(np.concatenate(test))
    return np.setdiff1d(np.arange(len(labels)), test), test


def _shuffled_classes(labels, seed):
    """Yields each class and the indices of its examples in random order."""
    # One order of the whole set, divided by class: this nests the splits.
    order = np.random.default_rng(seed).permutation(len(labels))
    for class_index in np.unique(labels):
        yield class_index, order[labels[order] == class_index]
