"""Softmax-triplet loss with hard mining, as in Mutual Mean-Teaching.

Ge, Chen, Li 2020, "Mutual Mean-Teaching: Pseudo Label Refinery for Unsupervised
Domain Adaptation on Person Re-identification".
"""

import keras
from keras import ops

from kconsist import _checks, targets
from kconsist.distribute import gather_replicas
from kconsist.features import l2_normalize

_TINY = 1e-12  # Minimum squared distance: keeps the root's gradient finite.


@keras.saving.register_keras_serializable(package="kconsist")
class SoftTripletLoss(keras.losses.Loss):
    """Cross-entropy of softmax(d_positive, d_negative), one value per anchor.

    For each anchor in `features_1`, d_positive is the Euclidean distance to the
    farthest example of the same label and d_negative that to the nearest
    example of another label, in the global batch (all replicas). The target is
    the same softmax for `features_2`, on the triplets mined from `features_1`;
    no gradient flows into `features_2`. TLL's documentation mentions inner
    products, but its code uses distances, as the paper does.

    An anchor whose label occurs only once is its own positive, at distance 0. A
    batch with a single label has no negatives, and its loss is meaningless:
    sample several images of each of several labels.

    Args:
        margin: not a distance but the target probability (m) of the positive,
            in [0, 1]: the loss is -m log p_positive - (1 - m) log p_negative.
            `0.0` gives the paper's softmax-triplet loss. `None` takes the
            target from `features_2`, the paper's soft softmax-triplet loss.
            Defaults to `None`.
        normalize_feature: scale the features to unit length first. Defaults to
            `False`.
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`.
        name: name of the loss.

    Call arguments, in TLL's order:
        features_1: float tensor (batch, features), which receives the gradient.
        features_2: float tensor (batch, features), which gives the target.
        labels: integer tensor (batch,) or (batch, 1).
        sample_weight: float tensor (batch,), or None.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import SoftTripletLoss

        loss = SoftTripletLoss(margin=0.0)
        features = np.array([[0.0], [0.1], [90.0], [90.1]])
        value = loss(features, features, np.array([0, 0, 1, 1]))
        assert value < 1e-6
        ```

    Reference: https://arxiv.org/abs/2001.01526, soft softmax-triplet loss. TLL:
    `tllib.vision.models.reid.loss.SoftTripletLoss`.
    """

    def __init__(
        self,
        margin: float | None = None,
        normalize_feature: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "soft_triplet_loss",
        **kwargs,
    ):
        if margin is not None:
            _checks.in_range("margin", margin, 0, 1)
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.margin = margin
        self.normalize_feature = normalize_feature

    def __call__(self, features_1, features_2, labels, sample_weight=None):
        """Returns the reduced loss."""
        labels = ops.cast(targets.class_indices(labels), "int32")
        same_label = labels[:, None] == gather_replicas(labels)[None]
        return super().__call__(
            (features_2, same_label), features_1, sample_weight
        )

    def call(self, y_true, y_pred):
        """Returns the loss of each anchor, (batch,).

        Args:
            y_true: `features_2`, and a float tensor (batch, global batch) that
                is 1 where two examples have the same label.
            y_pred: `features_1`.
        """
        (features_2, same_label), features_1 = y_true, y_pred
        if self.normalize_feature:
            features_1, features_2 = map(l2_normalize, (features_1, features_2))
        positive, negative = _hardest(features_1, same_label)
        distances = _distances(features_1, positive, negative)
        if self.margin is None:
            reference = _distances(features_2, positive, negative)
            target = targets.soft_targets(reference)
        else:
            target = ops.convert_to_tensor([self.margin, 1.0 - self.margin])
        return -ops.sum(target * ops.log_softmax(distances, axis=-1), axis=-1)

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "margin": self.margin,
            "normalize_feature": self.normalize_feature,
        }


def _hardest(features, same_label):
    """Returns each anchor's hardest positive and negative in the global batch.

    Both are int32 tensors (batch,) of indices.
    """
    all_features = gather_replicas(features)
    # Squared distances without the anchor's own term, constant in each row.
    distance = ops.sum(all_features**2, axis=-1)[None] - 2.0 * ops.matmul(
        features, ops.transpose(all_features)
    )
    infinity = float("inf")
    positive = ops.argmax(
        ops.where(same_label > 0, distance, -infinity), axis=1
    )
    negative = ops.argmin(ops.where(same_label > 0, infinity, distance), axis=1)
    return positive, negative


def _distances(features, *indices):
    """Returns the distances of each anchor to others, (batch, len(indices)).

    They are computed from differences: |a|² + |b|² - 2ab would cancel.
    """
    all_features = gather_replicas(features)
    squares = [
        ops.sum((features - ops.take(all_features, i, axis=0)) ** 2, axis=-1)
        for i in indices
    ]
    return ops.sqrt(ops.maximum(ops.stack(squares, axis=-1), _TINY))
