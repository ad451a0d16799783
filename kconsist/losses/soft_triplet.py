"""The hardest triplets of a batch, judged softly, as Mutual Mean-Teaching.

Ge, Chen, Li 2020, "Mutual Mean-Teaching: Pseudo Label Refinery for Unsupervised
Domain Adaptation on Person Re-identification".
"""

import keras
from keras import ops

from kconsist import _checks, targets
from kconsist.distribute import gather_replicas
from kconsist.features import l2_normalize

_TINY = 1e-12  # Least squared distance: the root's gradient is finite there.


@keras.saving.register_keras_serializable(package="kconsist")
class SoftTripletLoss(keras.losses.Loss):
    """Cross-entropy of softmax(d_positive, d_negative), one value an anchor.

    For each of `features_1`, d_positive is its distance from the farthest of
    its own label and d_negative that from the nearest of another, Euclidean,
    in the batch of all replicas. The target is the same softmax of
    `features_2`, for the triplets that `features_1` picked; no gradient flows
    into `features_2`. TLL's documentation speaks of inner products; its code
    takes distances, as the paper does.

    An anchor alone with its label is its own positive, at distance 0; a batch
    of one label has no negative, and its values mean nothing: sample several
    images of several labels.

    Args:
        margin: not a distance but the target of the positive, in [0, 1]: the
            loss is -m log p_positive - (1 - m) log p_negative. `0.0` is the
            paper's softmax-triplet loss; `None` takes the target of
            `features_2`, its soft softmax-triplet loss. Defaults to `None`.
        normalize_feature: divide the features by their lengths first. Defaults
            to `False`.
        reduction: as for any Keras loss. Defaults to `"sum_over_batch_size"`.
        name: name of the loss.

    Call arguments, in TLL's order:
        features_1: float tensor (batch, features) that learns.
        features_2: float tensor (batch, features) that teaches.
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
        margin=None,
        normalize_feature=False,
        reduction="sum_over_batch_size",
        name="soft_triplet_loss",
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
        same = labels[:, None] == gather_replicas(labels)[None]
        return super().__call__((features_2, same), features_1, sample_weight)

    def call(self, y_true, y_pred):
        """Returns the value of each anchor, (batch,).

        Args:
            y_true: `features_2`, and 1 where two examples share a label, float
                (batch, batch of all replicas).
            y_pred: `features_1`.
        """
        (features_2, same), features_1 = y_true, y_pred
        if self.normalize_feature:
            features_1, features_2 = map(l2_normalize, (features_1, features_2))
        positive, negative = _hardest(features_1, same)
        found = _distances(features_1, positive, negative)
        if self.margin is None:
            reference = _distances(features_2, positive, negative)
            target = targets.soft_targets(reference)
        else:
            target = ops.convert_to_tensor([self.margin, 1.0 - self.margin])
        return -ops.sum(target * ops.log_softmax(found, axis=-1), axis=-1)

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "margin": self.margin,
            "normalize_feature": self.normalize_feature,
        }


def _hardest(features, same):
    """Returns, into the whole batch, the hardest positive and negative."""
    everything = gather_replicas(features)
    # Up to a constant of each anchor, which no arg max depends on.
    distance = ops.sum(everything**2, axis=-1)[None] - 2.0 * ops.matmul(
        features, ops.transpose(everything)
    )
    positive = ops.argmax(ops.where(same > 0, distance, -float("inf")), axis=1)
    negative = ops.argmin(ops.where(same > 0, float("inf"), distance), axis=1)
    return positive, negative


def _distances(features, *indices):
    """Returns each anchor's distance from the indexed ones, (batch, indices).

    From the differences themselves: squares of lengths would cancel.
    """
    everything = gather_replicas(features)
    squares = [
        ops.sum((features - ops.take(everything, index, axis=0)) ** 2, axis=-1)
        for index in indices
    ]
    return ops.sqrt(ops.maximum(ops.stack(squares, axis=-1), _TINY))
