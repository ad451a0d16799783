"""Binary cross-entropy between the uniform and the mean prediction.

French, Mackiewicz, Fisher 2018, "Self-ensembling for visual domain adaptation".
"""

import keras
from keras import ops

from kconsist import _checks
from kconsist.distribute import gather_replicas

_TINY = 2e-38  # Above the smallest normal float32.
_LOG_OF_ZERO = -100.0  # TLL's value for log 0.


@keras.saving.register_keras_serializable(package="kconsist")
class ClassBalanceLoss(keras.losses.Loss):
    """Mean over classes of BCE(1/C, p̄), where p̄ is the batch mean of p.

    The mean is over the global batch (all replicas), and its one value is
    repeated for each example. The minimum, at a uniform p̄, is not 0 but the
    binary entropy of 1/C: 0.325 for ten classes. Log 0 counts as -100.

    The paper weights the loss by the fraction of confident examples. To do so,
    pass their mask as `sample_weight`: the mean of value · mask is
    value · mean(mask).

    Args:
        num_classes: number of classes (C), 2 or more.
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`.
        name: name of the loss.

    Call arguments:
        p: probabilities (batch, classes).
        sample_weight: float tensor (batch,), or None.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import ClassBalanceLoss

        loss = ClassBalanceLoss(num_classes=2)
        balanced, unbalanced = np.eye(2), np.array([[1.0, 0.0]])
        assert loss(balanced) < loss(unbalanced)
        ```

    Reference: https://arxiv.org/abs/1706.05208, class balance loss. TLL:
    `tllib.self_training.self_ensemble.ClassBalanceLoss`.
    """

    def __init__(
        self,
        num_classes: int,
        reduction: str | None = "sum_over_batch_size",
        name: str = "class_balance_loss",
        **kwargs,
    ):
        _checks.in_range("num_classes", num_classes, 2, float("inf"))
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.num_classes = num_classes

    def __call__(self, p, sample_weight=None):
        """Returns the reduced loss."""
        return super().__call__(p, p, sample_weight)

    def call(self, y_true, y_pred):
        """Returns the batch loss, repeated for each example, (batch,)."""
        if y_pred.shape[-1] != self.num_classes:
            raise ValueError(
                f"p must be probabilities (batch, {self.num_classes}), got "
                f"shape {tuple(y_pred.shape)}"
            )
        mean = ops.mean(gather_replicas(y_pred), axis=0)
        uniform = 1.0 / self.num_classes
        value = -ops.mean(
            uniform * _log(mean) + (1.0 - uniform) * _log(1.0 - mean)
        )
        return ops.broadcast_to(value, ops.shape(y_pred)[:1])

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {**super().get_config(), "num_classes": self.num_classes}


def _log(p):
    log_p = ops.log(ops.maximum(p, _TINY))
    return ops.where(p < _TINY, _LOG_OF_ZERO, log_p)
