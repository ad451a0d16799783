"""A part of the test set with every class in its share."""

import numpy as np

from kconsist.data.inputs import whole_number


def stratified_subset(labels, examples, seed: int = 0):
    """Draws the images that an evaluation on fewer examples looks at.

    Each class has its share of the whole set, to within one image.

    Args:
        labels: int array (total,).
        examples: how many to draw; `None`, or as many as there are, is all.
        seed: seed of the draw. Defaults to `0`.

    Returns:
        Increasing int array (examples,), or `None` for all.

    Raises:
        ValueError: `examples` is no whole number from 1 to the total.

    Example:
        ```python
        import numpy as np
        from kconsist.robustness.subset import stratified_subset

        ids = stratified_subset(np.arange(100) % 10, 20)
        assert np.all(np.bincount(ids % 10) == 2)
        ```
    """
    if examples is None:
        return None
    examples = whole_number("examples", examples)
    if examples > len(labels):
        raise ValueError(
            f"examples must be at most {len(labels)}, the size of the test "
            f"set, got {examples}"
        )
    if examples == len(labels):
        return None
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    classes, inverse, sizes = np.unique(
        labels, return_inverse=True, return_counts=True
    )
    # Place k of a class's n images stands at (k + 1/2) / n: the first ones of
    # this order have each class in its share. Ties go by chance.
    place = np.empty(len(labels))
    for index in range(len(classes)):
        members = order[inverse[order] == index]
        place[members] = (np.arange(sizes[index]) + 0.5) / sizes[index]
    tie = rng.permutation(len(labels))
    return np.sort(np.lexsort((tie, place))[:examples])
