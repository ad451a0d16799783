"""Worst-case estimation, as in Debiased Self-Training.

Chen et al. 2022, "Debiased Self-Training for Semi-Supervised Learning".
"""

import keras
from keras import ops

from kconsist import _checks, targets

_SHIFT = 1e-6  # As in TLL: log(1 - p) stays above -13.8.


@keras.saving.register_keras_serializable(package="kconsist")
class WorstCaseEstimationLoss(keras.losses.Loss):
    """η' · CE(argmax y_l, y_l_adv) - log(1 - softmax(y_u_adv)[argmax y_u]).

    The worst-case head (`_adv`) learns to agree with the main head on labeled
    images and to disagree with it on unlabeled images. Gradient flows only into
    the two `_adv` arguments. The features must receive it with the opposite
    sign: put a `kconsist.layers.GradientReversal` before the worst-case head.

    Returns one value per unlabeled example; the mean over the labeled examples
    is added to each. As in TLL, labeled images use the main head's predictions
    as labels, where the paper's equation has the true labels. For the latter,
    pass `keras.ops.one_hot(labels, classes)` as `y_l`.

    Args:
        eta_prime: weight of the labeled term (η'), 0 or more. TLL's scripts
            use `2.0`.
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`.
        name: name of the loss.

    Call arguments, in TLL's order:
        y_l: logits (labeled batch, classes) of the main head.
        y_l_adv: logits of the worst-case head on the same images.
        y_u: logits (unlabeled batch, classes) of the main head.
        y_u_adv: logits of the worst-case head on the same images.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import WorstCaseEstimationLoss

        loss = WorstCaseEstimationLoss(eta_prime=2.0)
        labeled, unlabeled = np.eye(2, 4), np.eye(3, 4)
        value = loss(labeled, 20 * labeled, unlabeled, -20 * unlabeled)
        assert value < 1e-5
        ```

    Reference: https://arxiv.org/abs/2202.07136, worst-case estimation. TLL:
    `tllib.self_training.dst.WorstCaseEstimationLoss`.
    """

    def __init__(
        self,
        eta_prime: float,
        reduction: str | None = "sum_over_batch_size",
        name: str = "worst_case_estimation_loss",
        **kwargs,
    ):
        _checks.in_range("eta_prime", eta_prime, 0, float("inf"))
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.eta_prime = eta_prime

    def __call__(self, y_l, y_l_adv, y_u, y_u_adv):
        """Returns the reduced loss."""
        return super().__call__((y_l, y_u), (y_l_adv, y_u_adv))

    def call(self, y_true, y_pred):
        """Returns the loss of each unlabeled example, (unlabeled batch,).

        Args:
            y_true: labeled and unlabeled logits of the main head.
            y_pred: labeled and unlabeled logits of the worst-case head.
        """
        (y_l, y_u), (y_l_adv, y_u_adv) = y_true, y_pred
        agreement = ops.sparse_categorical_crossentropy(
            targets.hard_labels(y_l), y_l_adv, from_logits=True
        )
        labels = ops.one_hot(targets.hard_labels(y_u), y_u.shape[-1])
        p = ops.sum(labels * ops.softmax(y_u_adv, axis=-1), axis=-1)
        disagreement = -ops.log(ops.minimum(1.0 - p + _SHIFT, 1.0))
        return self.eta_prime * ops.mean(agreement) + disagreement

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {**super().get_config(), "eta_prime": self.eta_prime}
