"""Distance between two predictions, with an optional mask.

Laine and Aila 2017, "Temporal Ensembling for Semi-Supervised Learning".
"""

from collections.abc import Callable

import keras
from keras import ops

from kconsist import _checks


@keras.saving.register_keras_serializable(package="kconsist")
class ConsistencyLoss(keras.losses.Loss):
    """Distance between two predictions, times a mask, one value per example.

    The mean is over all examples, not only those that the mask selects.
    Gradient flows into both predictions, as in TLL and in the Π-model. To use
    one of them as a fixed target, stop its gradient, for example with
    `kconsist.targets.soft_targets` of its logits.

    Args:
        distance: callable of two predictions (batch, …) that returns (batch,):
            a function, or a `keras.losses.Loss` with `reduction=None`. To
            save the loss, register your own function with
            `keras.saving.register_keras_serializable`.
        reduction: TLL's `"mean"`, `"sum"` or `"none"`, or as in any Keras
            loss. Defaults to `"mean"`, over the batch.
        name: name of the loss.

    Call arguments, in TLL's order:
        p1, p2: predictions (batch, …), the arguments of `distance`.
        mask: float tensor (batch,), a weight for each example, or None.

    Example:
        ```python
        import keras
        import numpy as np
        from kconsist.losses import ConsistencyLoss

        distance = keras.losses.MeanSquaredError(reduction=None)
        loss = ConsistencyLoss(distance)
        first, second = np.eye(2), np.full((2, 2), 0.5)
        assert loss(first, second, np.array([1.0, 0.0])) == 0.125
        ```

    Raises:
        ValueError: `distance` does not return one value per example.

    Reference: https://arxiv.org/abs/1610.02242, section 3. TLL:
    `tllib.self_training.pi_model.ConsistencyLoss`.
    """

    def __init__(
        self,
        distance: Callable,
        reduction: str | None = "mean",
        name: str = "consistency_loss",
        **kwargs,
    ):
        if not callable(distance):
            raise ValueError(
                "distance must be a callable of two predictions, got "
                f"{distance!r}"
            )
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.distance = distance

    def call(self, p1, p2):
        """Returns the distance of each example, (batch,)."""
        _checks.same_classes(p1, p2)
        values = self.distance(p1, p2)
        if len(values.shape) != 1:
            raise ValueError(
                "distance must return one value per example, shape (batch,), "
                f"got shape {tuple(values.shape)}; for a keras.losses.Loss, "
                "set reduction=None"
            )
        return values

    def get_config(self) -> dict:
        """Returns the configuration, including that of the distance."""
        return {
            **super().get_config(),
            "distance": keras.saving.serialize_keras_object(self.distance),
        }

    @classmethod
    def from_config(cls, config: dict):
        """Creates a loss from the output of `get_config`."""
        distance = keras.saving.deserialize_keras_object(config["distance"])
        return cls(**{**config, "distance": distance})


@keras.saving.register_keras_serializable(package="kconsist")
class L2ConsistencyLoss(keras.losses.Loss):
    """Sum over classes of (p1 - p2)², times a mask, one value per example.

    TLL sums over the classes, although its documentation says mean. The mean
    over classes in the papers (Π-model, Mean Teacher, MixMatch) is
    `num_classes` times smaller: `keras.losses.MeanSquaredError`. Gradient flows
    into both predictions.

    Args:
        reduction: TLL's `"mean"`, `"sum"` or `"none"`, or as in any Keras
            loss. Defaults to `"mean"`, over the batch.
        name: name of the loss.

    Call arguments, in TLL's order:
        p1, p2: probabilities (batch, classes).
        mask: float tensor (batch,), a weight for each example, or None.

    Example:
        ```python
        import numpy as np
        from kconsist.losses import L2ConsistencyLoss

        loss = L2ConsistencyLoss()
        assert loss(np.eye(2), np.full((2, 2), 0.5)) == 0.5
        ```

    Reference: https://arxiv.org/abs/1610.02242, section 3. TLL:
    `tllib.self_training.pi_model.L2ConsistencyLoss`.
    """

    def __init__(
        self,
        reduction: str | None = "mean",
        name: str = "l2_consistency_loss",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def call(self, p1, p2):
        """Returns the squared distance of each example, (batch,)."""
        _checks.same_classes(p1, p2)
        return ops.sum(ops.square(p1 - p2), axis=-1)
