"""Entropy of predictions: low where the network is certain.

Grandvalet and Bengio 2005, "Semi-supervised Learning by Entropy Minimization".
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kconsist")
class EntropyLoss(keras.losses.Loss):
    """-Σ p log p with p = softmax(logits), in nats, one value per example.

    Ranges from 0, for a one-hot prediction, to log C, for a uniform one.
    Gradient flows through both factors.

    Args:
        reduction: as in any Keras loss. Defaults to `"sum_over_batch_size"`,
            the mean over the batch.
        name: name of the loss.

    Call arguments:
        logits: logits (batch, classes).
        sample_weight: float tensor (batch,), or None.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import EntropyLoss

        value = EntropyLoss()(np.zeros((2, 4)))
        np.testing.assert_allclose(value, np.log(4), rtol=1e-6)
        ```

    Reference: Grandvalet and Bengio 2005, conditional entropy. Also in VAT,
    https://arxiv.org/abs/1704.03976.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "entropy_loss",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def __call__(self, logits, sample_weight=None):
        """Returns the reduced loss."""
        return super().__call__(logits, logits, sample_weight)

    def call(self, y_true, y_pred):
        """Returns the entropy of each example, (batch,)."""
        log_p = ops.log_softmax(y_pred, axis=-1)
        return -ops.sum(ops.exp(log_p) * log_p, axis=-1)
