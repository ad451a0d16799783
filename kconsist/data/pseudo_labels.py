"""Selection of the pseudo-labeled images that a student is trained on.

Xie et al. 2020, "Self-training with Noisy Student improves ImageNet
classification".
"""

import numpy as np

from kconsist import _checks


def select_pseudo_labels(
    probabilities: np.ndarray, *, per_class: int, threshold: float = 0.3
) -> np.ndarray:
    """Chooses the most confident images, equally many per class.

    An image belongs to its most probable class, and is used if that
    probability exceeds the threshold. The most confident images of each class
    are chosen. A class with fewer than `per_class` repeats its images, the most
    confident first (the paper repeats at random); a class without images stays
    empty.

    Args:
        probabilities: float array (images, classes), the teacher's predictions
            on clean images, rows that sum to 1.
        per_class: number of images per class; 130,000 in the paper.
        threshold: confidence in [0, 1] that an image must exceed. Defaults to
            `0.3`.

    Returns:
        int64 array (chosen,) of indices of the images, class after class,
        `per_class` of each; the most confident come first.

    Raises:
        ValueError: the rows are not probabilities, or no image exceeds the
            threshold.

    Example:
        ```python
        import numpy as np
        from kconsist import data

        predictions = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
        chosen = data.select_pseudo_labels(predictions, per_class=2)
        assert list(chosen) == [0, 1, 2, 2]
        ```

    Reference: https://arxiv.org/abs/1911.04252, data filtering and balancing.
    """
    _checks.in_range("threshold", threshold, 0, 1)
    per_class = _checks.as_integer("per_class", per_class)
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or not _are_probabilities(probabilities):
        raise ValueError(
            "probabilities must be (images, classes) with rows that sum to 1, "
            f"got shape {probabilities.shape}: take the softmax of logits"
        )
    confidence = probabilities.max(axis=1, initial=0)
    # A stable sort: the order of ties does not depend on the platform.
    order = np.argsort(-confidence, kind="stable")
    order = order[confidence[order] > threshold]
    if not len(order):
        raise ValueError(
            "at least one image must have a probability above the threshold "
            f"of {threshold}, got at most {confidence.max(initial=0):.3g}"
        )
    labels = probabilities.argmax(axis=1)[order]
    chosen = [order[labels == index] for index in np.unique(labels)]
    return np.concatenate([np.resize(members, per_class) for members in chosen])


def _are_probabilities(rows):
    non_negative = np.all(rows >= 0)
    return non_negative and np.allclose(rows.sum(axis=1), 1, atol=1e-3)
