"""Cross-entropy of class indices with label smoothing.

Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer
Vision", section 7.
"""

import keras
from keras import ops

from kconsist import _checks, targets


@keras.saving.register_keras_serializable(package="kconsist")
class SmoothedCrossEntropy(keras.losses.Loss):
    """-(1 - ε) log p_y - ε · mean_c log p_c, one value per example.

    Keras smooths only one-hot labels, while labels here are class indices.
    Compile any method with this loss, for example `NoisyStudent` or
    `MutualMeanTeaching`, whose papers use label smoothing.

    Args:
        label_smoothing: probability mass (ε) in [0, 1] that is spread evenly
            over all classes. Defaults to `0.1`.
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`,
            the mean over the batch.
        name: name of the loss.

    Call arguments:
        y_true: integer tensor (batch,) or (batch, 1) of class indices.
        y_pred: logits (batch, classes).

    Example:
        ```python
        import numpy as np
        from kconsist.losses import SmoothedCrossEntropy

        value = SmoothedCrossEntropy(0.1)(np.array([2]), np.zeros((1, 4)))
        np.testing.assert_allclose(value, np.log(4), rtol=1e-6)
        ```

    Reference: https://arxiv.org/abs/1512.00567, section 7.
    """

    def __init__(
        self,
        label_smoothing: float = 0.1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "smoothed_cross_entropy",
        **kwargs,
    ):
        _checks.in_range("label_smoothing", label_smoothing, 0, 1)
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Returns the cross-entropy of each example, (batch,)."""
        log_p = ops.log_softmax(y_pred, axis=-1)
        labels = ops.cast(targets.class_indices(y_true), "int32")
        labels = ops.one_hot(labels, y_pred.shape[-1])
        correct = ops.sum(labels * log_p, axis=-1)
        smooth = ops.mean(log_p, axis=-1)
        epsilon = self.label_smoothing
        return -(1 - epsilon) * correct - epsilon * smooth

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "label_smoothing": self.label_smoothing,
        }
