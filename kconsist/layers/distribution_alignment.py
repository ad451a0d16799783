"""Distribution alignment, with a running mean of the predictions.

Berthelot et al. 2020, "ReMixMatch: Semi-Supervised Learning with Distribution
Matching and Augmentation Anchoring".
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from kconsist import _checks, targets
from kconsist.distribute import gather_replicas


@keras.saving.register_keras_serializable(package="kconsist")
class DistributionAlignment(keras.layers.Layer):
    """Rescales predictions so that class frequencies match the expected ones.

    Returns p · expected / running, normalized to rows that sum to 1. `running`
    is a moving average of the predictions before alignment and is initialized
    uniform; the paper takes the plain mean of the last 128 batches instead.
    Call the layer first, then `update` it.

    The moving average is a weight: it is saved with any model that contains the
    layer, and is the same on all replicas.

    Args:
        num_classes: number of classes (C).
        decay: decay of the moving average, in [0, 1]. Defaults to `0.999`.
        expected: frequency of each class, C positive numbers that sum to 1;
            `None` for uniform. Defaults to `None`.

    Example:
        ```python
        import numpy as np
        from kconsist.layers import DistributionAlignment

        alignment = DistributionAlignment(num_classes=2, decay=0.0)
        predictions = np.array([[0.9, 0.1], [0.7, 0.3]], "float32")
        alignment.update(predictions)  # running: 0.8, 0.2
        aligned = alignment(predictions)
        assert aligned[0, 0] < 0.9
        ```

    Reference: https://arxiv.org/abs/1911.09785, distribution alignment.
    """

    def __init__(
        self,
        num_classes: int,
        decay: float = 0.999,
        expected: Sequence[float] | None = None,
        **kwargs,
    ):
        _checks.in_range("num_classes", num_classes, 2, float("inf"))
        _checks.in_range("decay", decay, 0, 1)
        if expected is not None:
            expected = [float(frequency) for frequency in expected]
            _check_distribution(expected, num_classes)
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.decay = decay
        self.expected = expected
        self.running = self.add_weight(
            name="running",
            shape=(num_classes,),
            dtype="float32",
            initializer=keras.initializers.Constant(1.0 / num_classes),
            trainable=False,
            autocast=False,
        )
        self.built = True

    def call(self, probabilities):
        """Returns aligned probabilities (batch, classes), under stop-gradient.

        Args:
            probabilities: float tensor (batch, classes).
        """
        expected = self.expected or [1.0 / self.num_classes] * self.num_classes
        return targets.align(probabilities, expected, self.running)

    def update(self, probabilities) -> None:
        """Updates the moving average with the mean of the global batch.

        Args:
            probabilities: float tensor (batch, classes), before alignment.
        """
        probabilities = gather_replicas(ops.cast(probabilities, "float32"))
        mean = ops.mean(probabilities, axis=0)
        self.running.assign(
            self.decay * self.running + (1.0 - self.decay) * mean
        )

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "decay": self.decay,
            "expected": self.expected,
        }


def _check_distribution(expected, num_classes):
    if len(expected) != num_classes or min(expected) <= 0:
        raise ValueError(
            f"expected must be {num_classes} positive numbers, got {expected}"
        )
    if not np.isclose(sum(expected), 1.0, atol=1e-3):
        raise ValueError(f"expected must sum to 1, got {sum(expected)}")
