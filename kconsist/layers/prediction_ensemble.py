"""The running mean of the predictions on each example.

Laine and Aila 2017, "Temporal Ensembling for Semi-Supervised Learning".
"""

import keras
from keras import ops

from kconsist import _checks
from kconsist.distribute import gather_replicas
from kconsist.layers._scatter import last_write_index


@keras.saving.register_keras_serializable(package="kconsist")
class PredictionEnsemble(keras.layers.Layer):
    """The running mean of a network's answers on each example.

    Z ← αZ + (1 - α)p where an example is seen, and its target is Z / (1 - α^k)
    after k counts, which corrects for the start at zero. The paper does so
    for all examples at once at the end of each epoch, which is the same where
    each is seen once an epoch; an example that an epoch leaves out keeps what
    it had here, where the paper's code lets it decay.

    The memory is weights of the layer: it is saved with a model that holds the
    layer, and is the same on all replicas.

    Args:
        num_examples: number of examples (N).
        num_classes: number of classes (C).
        decay: decay of the mean (α) in [0, 1). Defaults to `0.6`, the paper's.

    Example:
        ```python
        import numpy as np
        from kconsist.layers import PredictionEnsemble

        ensemble = PredictionEnsemble(num_examples=4, num_classes=2)
        index, answers = np.array([2]), np.array([[0.25, 0.75]])
        ensemble.update(index, answers)
        targets, seen = ensemble(index)  # [[0.25, 0.75]], [1.0]
        ```

    Reference: https://arxiv.org/abs/1610.02242, section 2.2, algorithm 2.
    """

    def __init__(self, num_examples, num_classes, decay=0.6, **kwargs):
        _checks.in_range("num_examples", num_examples, 1, float("inf"))
        _checks.in_range("num_classes", num_classes, 2, float("inf"))
        _checks.in_range("decay", decay, 0, 1)
        if decay == 1:
            raise ValueError("decay must be below 1, got 1: nothing would move")
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
        """Returns the targets of examples, and which were seen before.

        Args:
            index: integer tensor (batch,), which examples, in
                [0, num_examples).

        Returns:
            float32 tensor (batch, classes), rows that sum to 1, or are 0 where
            an example was never seen; float32 tensor (batch,) of zeros and
            ones. No gradient flows through either.
        """
        counts = ops.cast(ops.take(self.counts, index, axis=0), "float32")
        seen = ops.cast(counts > 0, "float32")
        correction = 1.0 - ops.power(self.decay, ops.maximum(counts, 1.0))
        mean = ops.take(self.mean, index, axis=0)
        return ops.stop_gradient(mean / correction[:, None]), seen

    def update(self, index, probabilities) -> None:
        """Takes up the answers on a batch.

        Of several entries with one index, the last counts.

        Args:
            index: integer tensor (batch,), which examples.
            probabilities: float tensor (batch, classes).
        """
        probabilities = ops.cast(probabilities, "float32")
        index = gather_replicas(ops.cast(index, "int32"))
        probabilities = gather_replicas(ops.stop_gradient(probabilities))
        writer, written = last_write_index(
            index, ops.ones(ops.shape(index), "bool"), self.num_examples
        )
        news = ops.take(probabilities, writer, axis=0)
        moved = self.decay * self.mean + (1 - self.decay) * news
        self.mean.assign(ops.where(written[:, None], moved, self.mean))
        self.counts.assign(self.counts + ops.cast(written, "int64"))

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "num_examples": self.num_examples,
            "num_classes": self.num_classes,
            "decay": self.decay,
        }
