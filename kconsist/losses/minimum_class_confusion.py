"""How often a network's predictions mix two classes up.

Jin et al. 2020, "Minimum Class Confusion for Versatile Domain Adaptation".
"""

import keras
from keras import ops

from kconsist import _checks, targets
from kconsist.distribute import gather_replicas

_TINY = 1e-30  # For a class that no prediction contains: 0 / 0 is 0 here.


@keras.saving.register_keras_serializable(package="kconsist")
class MinimumClassConfusionLoss(keras.losses.Loss):
    """Mean over classes of the share of others in its row of the confusion.

    P = softmax(z / T), the confusion is Pᵀ W P with certain examples weighing
    more (`kconsist.targets.certainty_weights`), each of its rows sums to 1, and
    the loss is what is off the diagonal, over C. From 0, for certain answers,
    to 1 - 1/C. No gradient flows through the weights.

    One value for the whole batch, of all replicas, repeated for each example.
    The paper gives it target logits alone.

    TLL divides by the row sums along columns. The confusion is symmetric, so
    that the loss is the paper's. A class that no prediction contains counts as
    not confused here, where TLL has 0 / 0.

    Args:
        temperature: divides the logits (T). The paper and TLL use `2.5` for
            most tasks.
        reduction: as for any Keras loss. Defaults to `"sum_over_batch_size"`.
        name: name of the loss.

    Call arguments:
        logits: logits (batch, classes).
        sample_weight: float tensor (batch,), or None. The weighted mean of the
            repeated value; it does not weigh examples in the confusion.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import MinimumClassConfusionLoss

        loss = MinimumClassConfusionLoss(temperature=2.5)
        assert loss(np.zeros((4, 2))) == 0.5  # 1 - 1/C, the most.
        ```

    Reference: https://arxiv.org/abs/1912.03699, probability rescaling, class
    correlation, uncertainty reweighting, category normalization. TLL:
    `tllib.self_training.mcc.MinimumClassConfusionLoss`.
    """

    def __init__(
        self,
        temperature,
        reduction="sum_over_batch_size",
        name="minimum_class_confusion_loss",
        **kwargs,
    ):
        _checks.positive("temperature", temperature)
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.temperature = temperature

    def __call__(self, logits, sample_weight=None):
        """Returns the reduced loss."""
        return super().__call__(logits, logits, sample_weight)

    def call(self, y_true, y_pred):
        """Returns the value of the batch for each example, (batch,)."""
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
