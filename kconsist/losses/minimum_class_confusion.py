"""Minimum class confusion: how often predictions confuse two classes.

Jin et al. 2020, "Minimum Class Confusion for Versatile Domain Adaptation".
"""

import keras
from keras import ops

from kconsist import _checks, targets
from kconsist.distribute import gather_replicas

_TINY = 1e-30  # For a class that is never predicted: 0 / 0 is 0 here.


@keras.saving.register_keras_serializable(package="kconsist")
class MinimumClassConfusionLoss(keras.losses.Loss):
    """Mean over classes of the off-diagonal part of the class confusion.

    With P = softmax(z / T), the confusion matrix is Pᵀ W P, each row divided by
    its sum. The diagonal W gives certain predictions more weight
    (`kconsist.targets.certainty_weights`); no gradient flows through it. The
    loss is the sum of the off-diagonal entries, divided by C. It ranges from 0,
    for one-hot predictions, to 1 - 1/C.

    The confusion is that of the global batch (all replicas), and its one value
    is repeated for each example. The paper applies the loss to target logits
    only.

    TLL divides by the row sums along columns. The confusion matrix is
    symmetric, so the loss equals the paper's. A class that is never predicted
    counts as not confused here, where TLL computes 0 / 0.

    Args:
        temperature: divides the logits (T). The paper and TLL use `2.5` for
            most tasks.
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`.
        name: name of the loss.

    Call arguments:
        logits: logits (batch, classes).
        sample_weight: float tensor (batch,), or None. It weights the repeated
            value, not the examples within the confusion matrix.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import MinimumClassConfusionLoss

        loss = MinimumClassConfusionLoss(temperature=2.5)
        assert loss(np.zeros((4, 2))) == 0.5  # 1 - 1/C, the maximum.
        ```

    Reference: https://arxiv.org/abs/1912.03699, probability rescaling, class
    correlation, uncertainty reweighting, category normalization. TLL:
    `tllib.self_training.mcc.MinimumClassConfusionLoss`.
    """

    def __init__(
        self,
        temperature: float,
        reduction: str | None = "sum_over_batch_size",
        name: str = "minimum_class_confusion_loss",
        **kwargs,
    ):
        _checks.positive("temperature", temperature)
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.temperature = temperature

    def __call__(self, logits, sample_weight=None):
        """Returns the reduced loss."""
        return super().__call__(logits, logits, sample_weight)

    def call(self, y_true, y_pred):
        """Returns the batch loss, repeated for each example, (batch,)."""
        logits = gather_replicas(y_pred) / self.temperature
        p = ops.softmax(logits, axis=-1)
        weights = targets.certainty_weights(logits)
        confusion = ops.matmul(ops.transpose(p * weights[:, None]), p)
        confusion /= ops.maximum(
            ops.sum(confusion, axis=1, keepdims=True), _TINY
        )
        value = ops.sum(confusion) - ops.trace(confusion)
        value /= p.shape[-1]
        return ops.broadcast_to(value, ops.shape(y_pred)[:1])

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {**super().get_config(), "temperature": self.temperature}
