"""KL divergence between confident weak and strong views, as in UDA.

Xie et al. 2020, "Unsupervised Data Augmentation for Consistency Training".
"""

import keras
from keras import ops

from kconsist import _checks, targets
from kconsist.distribute import gather_replicas
from kconsist.losses.kl_divergence import LogitsKLDivergence

_VIEWS = ("strong", "weak")
_MEANS = ("kept", "all")


@keras.saving.register_keras_serializable(package="kconsist")
class StrongWeakConsistencyLoss(keras.losses.Loss):
    """1(max p_weak > τ) · KL(p_weak ‖ p_strong), one value per example.

    Gradient flows into the strong view only. The mask uses the weak view's
    probabilities at temperature 1.

    TLL differs from the paper in two ways. Its temperature divides the logits
    of the strong view, while the paper sharpens the weak view. Its mean is over
    the confident examples, while the paper's is over all. The defaults are
    TLL's; for the paper's loss use `sharpen="weak", mean_over="all"`.

    Args:
        threshold: confidence (τ; the paper's β) in [0, 1]. Defaults to `0.7`.
        temperature: divides the logits (the paper's τ). Defaults to `0.85`.
        sharpen: `"strong"` or `"weak"`, the view whose logits the temperature
            divides. Defaults to `"strong"`.
        mean_over: `"kept"` or `"all"`. With `"kept"`, each value is divided by
            the fraction of confident examples in the global batch (all
            replicas), so that the mean over the batch is the mean over the
            confident examples, or 0 if there are none. Defaults to `"kept"`.
        inclusive: count examples exactly at the threshold. Defaults to
            `False`.
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`.
        name: name of the loss.

    Call arguments, in TLL's order:
        y_strong: logits (batch, classes), which receive the gradient.
        y_weak: logits (batch, classes) of the target.
        sample_weight: float tensor (batch,), or None.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import StrongWeakConsistencyLoss

        uda = StrongWeakConsistencyLoss(
            threshold=0.8, temperature=0.4, sharpen="weak", mean_over="all"
        )
        value = uda(np.zeros((2, 3)), np.array([[9.0, 0, 0], [0, 9.0, 0]]))
        ```

    Reference: https://arxiv.org/abs/1904.12848, confidence-based masking and
    sharpening predictions. TLL:
    `tllib.self_training.uda.StrongWeakConsistencyLoss`.
    """

    def __init__(
        self,
        threshold: float = 0.7,
        temperature: float = 0.85,
        sharpen: str = "strong",
        mean_over: str = "kept",
        inclusive: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "strong_weak_consistency_loss",
        **kwargs,
    ):
        _checks.in_range("threshold", threshold, 0, 1)
        _checks.positive("temperature", temperature)
        _checks.one_of("sharpen", sharpen, _VIEWS)
        _checks.one_of("mean_over", mean_over, _MEANS)
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.threshold = threshold
        self.temperature = temperature
        self.sharpen = sharpen
        self.mean_over = mean_over
        self.inclusive = inclusive
        sharpen_weak = sharpen == "weak"
        self._weak_temperature = temperature if sharpen_weak else 1.0
        self._divergence = LogitsKLDivergence(
            1.0 if sharpen_weak else temperature
        )

    def call(self, y_strong, y_weak):
        """Returns the masked divergence of each example, (batch,)."""
        target = targets.soft_targets(y_weak, self._weak_temperature)
        mask = targets.confidence_mask(y_weak, self.threshold, self.inclusive)
        values = mask * self._divergence.call(target, y_strong)
        if self.mean_over == "kept":
            values = values / _selected_fraction(gather_replicas(mask))
        return values

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "threshold": self.threshold,
            "temperature": self.temperature,
            "sharpen": self.sharpen,
            "mean_over": self.mean_over,
            "inclusive": self.inclusive,
        }


def _selected_fraction(mask):
    """Returns the fraction of ones in a mask, at least 1 / batch size."""
    batch_size = ops.cast(ops.shape(mask)[0], "float32")
    return ops.maximum(ops.sum(mask), 1.0) / batch_size
