"""Cross-entropy between two sets of logits, one of them the target.

Ge, Chen, Li 2020, "Mutual Mean-Teaching".
"""

import keras
from keras import ops

from kconsist import _checks, targets


@keras.saving.register_keras_serializable(package="kconsist")
class SoftCrossEntropyLoss(keras.losses.Loss):
    """-Σ softmax(labels) · log softmax(y), one value per example.

    Gradient flows into `y` only. This is TLL's `CrossEntropyLoss`, whose
    `labels` are logits too. If the targets are probabilities, use
    `keras.losses.CategoricalCrossentropy(from_logits=True)`.

    Args:
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`,
            the mean over the batch.
        name: name of the loss.

    Call arguments, in TLL's order:
        y: logits (batch, classes), which receive the gradient.
        labels: logits (batch, classes) of the target.
        sample_weight: float tensor (batch,), or None.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import SoftCrossEntropyLoss

        loss = SoftCrossEntropyLoss()
        value = loss(np.zeros((2, 4)), np.eye(2, 4))
        np.testing.assert_allclose(value, np.log(4), rtol=1e-6)
        ```

    Reference: https://arxiv.org/abs/2001.01526, soft classification loss. TLL:
    `tllib.vision.models.reid.loss.CrossEntropyLoss`.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "soft_cross_entropy_loss",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def call(self, y, labels):
        """Returns the cross-entropy of each example, (batch,)."""
        _checks.same_classes(y, labels)
        target = targets.soft_targets(labels)
        return -ops.sum(target * ops.log_softmax(y, axis=-1), axis=-1)
