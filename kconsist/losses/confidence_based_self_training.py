"""Cross-entropy on confident pseudo-labels, as in Pseudo-Label and FixMatch.

Sohn et al. 2020, "FixMatch", equation 4; Lee 2013, "Pseudo-Label".
"""

import keras
from keras import ops

from kconsist import _checks, targets


@keras.saving.register_keras_serializable(package="kconsist")
class ConfidenceBasedSelfTrainingLoss(keras.losses.Loss):
    """1(max p_target > τ) · CE(argmax p_target, softmax(y)), per example.

    The mean is over all examples, not only the confident ones. Gradient flows
    into `y` only. For Pseudo-Label, pass the same logits twice.

    As in TLL, the confidence must be strictly above the threshold. FixMatch
    also counts examples at the threshold: `inclusive=True`. Lee's Pseudo-Label
    counts every example: `threshold=0.0`. TLL returns the loss, the mask and
    the labels; this class returns the loss, and `select` the other two.

    Args:
        threshold: confidence (τ) in [0, 1].
        inclusive: count examples exactly at the threshold. Defaults to
            `False`.
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`,
            the mean over the batch.
        name: name of the loss.

    Call arguments, in TLL's order:
        y: logits (batch, classes), which receive the gradient.
        y_target: logits (batch, classes) that give the pseudo-labels.
        sample_weight: float tensor (batch,), or None.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import ConfidenceBasedSelfTrainingLoss

        loss = ConfidenceBasedSelfTrainingLoss(threshold=0.9)
        strong, weak = np.zeros((2, 3)), np.array([[9.0, 0, 0], [1.0, 0, 0]])
        value = loss(strong, weak)  # log(3) / 2: one of the two counts.
        mask, pseudo_labels = loss.select(weak)
        ```

    Reference: https://arxiv.org/abs/2001.07685, equation 4. TLL:
    `tllib.self_training.pseudo_label.ConfidenceBasedSelfTrainingLoss`.
    """

    def __init__(
        self,
        threshold: float,
        inclusive: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "confidence_based_self_training_loss",
        **kwargs,
    ):
        _checks.in_range("threshold", threshold, 0, 1)
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.threshold = threshold
        self.inclusive = inclusive

    def select(self, y_target):
        """Returns the mask of confident examples and the pseudo-labels of all.

        Args:
            y_target: logits (batch, classes).

        Returns:
            The mask, a float32 tensor (batch,) of zeros and ones, and the
            labels, an int32 tensor (batch,). No gradient flows through either.
        """
        mask = targets.confidence_mask(y_target, self.threshold, self.inclusive)
        return mask, targets.hard_labels(y_target)

    def call(self, y, y_target):
        """Returns the masked cross-entropy of each example, (batch,)."""
        mask, pseudo_labels = self.select(y_target)
        return mask * ops.sparse_categorical_crossentropy(
            pseudo_labels, y, from_logits=True
        )

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "threshold": self.threshold,
            "inclusive": self.inclusive,
        }
