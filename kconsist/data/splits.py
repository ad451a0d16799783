"""Balanced splits of a labeled set into a few labeled examples and the rest."""

import numpy as np

from kconsist.data import inputs


def split_labels(
    labels,
    *,
    per_class: int,
    seed: int = 0,
    include_labeled: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses which examples keep their labels, the same number of each class.

    The draw depends on `labels` and `seed` only, and is nested: the labeled
    indices of `per_class=4` are among those of `per_class=25` with the same
    seed, so that runs with more labels extend runs with fewer.

    Args:
        labels: integer array (examples,), class indices.
        per_class: how many examples of each class keep their label.
        seed: seed of the draw. Defaults to `0`.
        include_labeled: whether the unlabeled indices are those of *all*
            examples, the labeled ones included, as in FixMatch's own code.
            Defaults to `False`: the two sets are disjoint.

    Returns:
        `(labeled_indices, unlabeled_indices)`, sorted int64 arrays.

    Raises:
        ValueError: labels that are not 1-D integers, `per_class` below 1, or a
            class with fewer than `per_class` examples.

    Example:
        ```python
        import numpy as np
        from kconsist import data

        labels = np.array([0, 1, 0, 1, 0, 1])
        labeled, unlabeled = data.split_labels(labels, per_class=1)
        assert len(labeled) == 2 and len(unlabeled) == 4
        ```
    """
    labels = inputs.class_labels(labels)
    per_class = inputs.whole_number("per_class", per_class)
    if len(labels) == 0:
        raise ValueError("labels must not be empty")
    # One order of the whole set, cut class by class, makes the draw nested.
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = []
    for class_index in np.unique(labels):
        members = order[labels[order] == class_index]
        if len(members) < per_class:
            raise ValueError(
                f"class {class_index} has {len(members)} examples, and "
                f"per_class={per_class} wants more"
            )
        chosen.append(members[:per_class])
    labeled = np.sort(np.concatenate(chosen)).astype(np.int64)
    everything = np.arange(len(labels), dtype=np.int64)
    if include_labeled:
        return labeled, everything
    return labeled, np.setdiff1d(everything, labeled)
