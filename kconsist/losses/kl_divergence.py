"""KL divergence from target probabilities to the softmax of logits.

`keras.losses.KLDivergence` clips probabilities to [1e-7, 1], where gradients
vanish; this loss works in log space.

Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network",
section 2.
"""

import keras
from keras import ops

from kconsist import _checks

_TINY = 1e-30  # Above the smallest normal float32; p log p is 0 there.


@keras.saving.register_keras_serializable(package="kconsist")
class LogitsKLDivergence(keras.losses.Loss):
    """KL(target ‖ softmax(logits / T)), one value per example, in float32.

    Args:
        temperature: divides the logits (T). The targets are used as they are;
            `kconsist.targets.soft_targets` applies a temperature to them.
            Defaults to `1.0`.
        temperature_squared: multiply by T², so that the size of the gradient
            does not shrink as T grows. Defaults to `False`.
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`,
            the mean over the batch.
        name: name of the loss.

    Call arguments:
        y_true: probabilities (batch, classes).
        y_pred: logits (batch, classes).

    Example:
        ```python
        import numpy as np
        from kconsist.losses import LogitsKLDivergence

        loss = LogitsKLDivergence(temperature=2.0)
        assert loss(np.array([[0.5, 0.5]]), np.array([[1.0, 1.0]])) == 0.0
        ```

    Reference: Hinton et al. 2015, https://arxiv.org/abs/1503.02531, section 2.
    """

    def __init__(
        self,
        temperature: float = 1.0,
        temperature_squared: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "logits_kl_divergence",
        **kwargs,
    ):
        _checks.positive("temperature", temperature)
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.temperature = temperature
        self.temperature_squared = temperature_squared

    def call(self, y_true, y_pred):
        """Returns the divergence of each example, (batch,)."""
        log_q = ops.log_softmax(y_pred / self.temperature, axis=-1)
        log_p = ops.log(ops.maximum(y_true, _TINY))
        divergence = ops.sum(y_true * (log_p - log_q), axis=-1)
        if self.temperature_squared:
            divergence = divergence * self.temperature**2
        return divergence

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "temperature_squared": self.temperature_squared,
        }
