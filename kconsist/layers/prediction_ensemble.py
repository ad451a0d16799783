"""Moving average of the predictions on each example.

Laine and Aila 2017, "Temporal Ensembling for Semi-Supervised Learning".
"""

import keras
from keras import ops

from kconsist import _checks
from kconsist.distribute import gather_replicas
from kconsist.layers._scatter import last_write_index


@keras.saving.register_keras_serializable(package="kconsist")
class PredictionEnsemble(keras.layers.Layer):
    """Moving average of a network's predictions on each training example.

    Z ← αZ + (1 - α)p whenever an example is seen. After k updates its target is
    Z / (1 - α^k), which corrects for the initialization at zero. The paper
    updates all examples at the end of each epoch, which is equivalent if each
    is seen once per epoch. The average of an example that an epoch leaves out
    does not change here, while the paper's code lets it decay.

    The averages are weights: they are saved with any model that contains the
    layer, and are the same on all replicas.

    Args:
        num_examples: number of examples (N).
        num_classes: number of classes (C).
        decay: decay (α) of the average, in [0, 1). Defaults to `0.6`, as in the
            paper.

    Example:
        ```python
        import numpy as np
        from kconsist.layers import PredictionEnsemble

        ensemble = PredictionEnsemble(num_examples=4, num_classes=2)
        index, predictions = np.array([2]), np.array([[0.25, 0.75]])
        ensemble.update(index, predictions)
        targets, seen = ensemble(index)  # [[0.25, 0.75]], [1.0]
        ```

    Reference: https://arxiv.org/abs/1610.02242, section 2.2, algorithm 2.
    """

    def __init__(
        self,
        num_examples: int,
        num_classes: int,
        decay: float = 0.6,
        **kwargs,
    ):
        _checks.in_range("num_examples", num_examples, 1, float("inf"))
        _checks.in_range("num_classes", num_classes, 2, float("inf"))
        _checks.in_range("decay", decay, 0, 1)
        if decay == 1:
            raise ValueError(
                "decay must be in [0, 1), got 1: the average would never change"
            )
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.num_examples = num_examples
        self.num_classes = num_classes
        self.decay = decay
        options = dict(initializer="zeros", trainable=False)
        self.mean = self.add_weight(
            name="mean",
            shape=(num_examples, num_classes),
            dtype="float32",
            autocast=False,
            **options,
        )
        self.counts = self.add_weight(
            name="counts", shape=(num_examples,), dtype="int64", **options
        )
        self.built = True

    def call(self, index):
        """Returns the targets of examples, and a mask of those seen before.

        Args:
            index: integer tensor (batch,) in [0, num_examples), the indices of
                the examples.

        Returns:
            float32 tensor (batch, classes) of targets, whose rows sum to 1, or
            are 0 for examples never seen; float32 tensor (batch,), the mask of
            zeros and ones. No gradient flows through either.
        """
        counts = ops.cast(ops.take(self.counts, index, axis=0), "float32")
        seen = ops.cast(counts > 0, "float32")
        correction = 1.0 - ops.power(self.decay, ops.maximum(counts, 1.0))
        mean = ops.take(self.mean, index, axis=0)
        return ops.stop_gradient(mean / correction[:, None]), seen

    def update(self, index, probabilities) -> None:
        """Adds a batch of predictions to the averages.

        If an index occurs more than once, its last entry counts.

        Args:
            index: integer tensor (batch,) in [0, num_examples), the indices of
                the examples.
            probabilities: float tensor (batch, classes).
        """
        probabilities = ops.cast(probabilities, "float32")
        index = gather_replicas(ops.cast(index, "int32"))
        probabilities = gather_replicas(ops.stop_gradient(probabilities))
        position, written = last_write_index(
            index, ops.ones(ops.shape(index), "bool"), self.num_examples
        )
        new = ops.take(probabilities, position, axis=0)
        average = self.decay * self.mean + (1 - self.decay) * new
        self.mean.assign(ops.where(written[:, None], average, self.mean))
        self.counts.assign(self.counts + ops.cast(written, "int64"))

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "num_examples": self.num_examples,
            "num_classes": self.num_classes,
            "decay": self.decay,
        }
