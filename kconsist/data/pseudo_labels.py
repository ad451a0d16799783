"""Which unlabeled images a teacher's answers are learned on.

Xie et al. 2020, "Self-training with Noisy Student improves ImageNet
classification".
"""

import numpy as np

from kconsist import _checks
from kconsist.data import inputs


def select_pseudo_labels(
    probabilities, *, per_class: int, threshold: float = 0.3
) -> np.ndarray:
    """Chooses the images that a teacher is sure of, as many of each class.

    An image belongs to its most probable class, and counts where that
    probability is above the threshold. Of each class the most confident are
    taken; a class with fewer than `per_class` repeats its own in turn, the most
    confident first (the paper repeats at random). A class with none stays
    without any.

    Args:
        probabilities: float array (images, classes), the teacher's answers on
            clean images, rows that sum to 1.
        per_class: how many images each class gets; 130,000 in the paper.
        threshold: confidence in [0, 1] that an image has to exceed. Defaults to
            `0.3`.

    Returns:
        int64 array (chosen,) of indices into the images, class after class,
        `per_class` of each; the most confident come first.

    Raises:
        ValueError: rows that are no probabilities, or no image above the
            threshold.

    Example:
        ```python
        import numpy as np
        from kconsist import data

        answers = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
        chosen = data.select_pseudo_labels(answers, per_class=2)
        assert list(chosen) == [0, 1, 2, 2]
        ```

    Reference: https://arxiv.org/abs/1911.04252, data filtering and balancing.
    """
    _checks.in_range("threshold", threshold, 0, 1)
    per_class = inputs.whole_number("per_class", per_class)
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or not _sum_to_one(probabilities):
        raise ValueError(
            "probabilities must be (images, classes) with rows that sum to 1, "
            f"got shape {probabilities.shape}: take the softmax of logits"
        )
    confidence = probabilities.max(axis=1, initial=0)
    # The first of equals comes first, whatever the platform's sort.
    order = np.argsort(-confidence, kind="stable")
    order = order[confidence[order] > threshold]
    if not len(order):
        raise ValueError(
            f"no image has a probability above the threshold of {threshold}; "
            f"the largest is {confidence.max(initial=0):.3g}"
        )
    labels = probabilities.argmax(axis=1)[order]
    chosen = [order[labels == index] for index in np.unique(labels)]
    return np.concatenate([np.resize(members, per_class) for members in chosen])


def _sum_to_one(rows):
    inside = np.all(rows >= 0)
    return inside and np.allclose(rows.sum(axis=1), 1, atol=1e-3)
