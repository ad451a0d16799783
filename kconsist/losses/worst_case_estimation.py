"""The worst head: right where labels are, wrong where they are not.

Chen et al. 2022, "Debiased Self-Training for Semi-Supervised Learning".
"""

import keras
from keras import ops

from kconsist import _checks, targets

_SHIFT = 1e-6  # TLL's: log(1 - p) stays above -13.8.


@keras.saving.register_keras_serializable(package="kconsist")
class WorstCaseEstimationLoss(keras.losses.Loss):
    """η' · CE(argmax y_l, y_l_adv) - log(1 - softmax(y_u_adv)[argmax y_u]).

    The worst head (`_adv`) agrees with the main head on labeled images and
    disagrees on unlabeled ones. Gradient flows into the two `_adv` alone, and
    from there to the features with its sign turned: put a
    `kconsist.layers.GradientReversal` before that head.

    One value for each unlabeled example, with the mean over the labeled ones
    added to each. As in TLL, the labels of labeled images are the main head's
    predictions, where the paper's equation has the true ones: pass
    `keras.ops.one_hot(labels, classes)` as `y_l` for that.

    Args:
        eta_prime: weight of the labeled term (η'), 0 or more. TLL's scripts
            use `2.0`.
        reduction: as for any Keras loss. Defaults to `"sum_over_batch_size"`.
        name: name of the loss.

    Call arguments, in TLL's order:
        y_l: the main head's logits (labeled batch, classes).
        y_l_adv: the worst head's.
        y_u: the main head's logits (unlabeled batch, classes).
        y_u_adv: the worst head's.

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
        eta_prime,
        reduction="sum_over_batch_size",
        name="worst_case_estimation_loss",
        **kwargs,
    ):
        _checks.in_range("eta_prime", eta_prime, 0, float("inf"))
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.eta_prime = eta_prime

    def __call__(self, y_l, y_l_adv, y_u, y_u_adv):
        """Returns the reduced loss."""
        return super().__call__((y_l, y_u), (y_l_adv, y_u_adv))

    def call(self, y_true, y_pred):
        """Returns the value of each unlabeled example, (unlabeled batch,).

        Args:
            y_true: the main head's logits, labeled and unlabeled.
            y_pred: the worst head's.
        """
        (y_l, y_u), (y_l_adv, y_u_adv) = y_true, y_pred
        agreement = ops.sparse_categorical_crossentropy(
            targets.hard_labels(y_l), y_l_adv, from_logits=True
        )
        answers = ops.one_hot(targets.hard_labels(y_u), y_u.shape[-1])
        p = ops.sum(answers * ops.softmax(y_u_adv, axis=-1), axis=-1)
        disagreement = -ops.log(ops.minimum(1.0 - p + _SHIFT, 1.0))
        return self.eta_prime * ops.mean(agreement) + disagreement

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {**super().get_config(), "eta_prime": self.eta_prime}
