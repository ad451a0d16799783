"""The identity, whose gradient has its sign turned.

Ganin and Lempitsky 2015, "Unsupervised Domain Adaptation by Backpropagation".
"""

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kconsist import _checks


def reverse_gradient(inputs, strength):
    """Returns `inputs`, with -strength times their gradient on the way back.

    Args:
        inputs: float tensor of any shape.
        strength: float or scalar tensor (λ); no gradient flows into it.

    Returns:
        The same tensor.

    Example:
        ```python
        import tensorflow as tf
        from kconsist.layers import reverse_gradient

        x = tf.Variable(3.0)
        with tf.GradientTape() as tape:
            y = reverse_gradient(x, 0.5) ** 2
        assert y == 9.0
        assert tape.gradient(y, x) == -3.0
        ```
    """
    inputs = ops.convert_to_tensor(inputs)
    strength = ops.cast(strength, inputs.dtype)
    return _reversed(inputs, strength)


@ops.custom_gradient
def _reversed(inputs, strength):
    def gradient(upstream):
        return -strength * upstream, ops.zeros_like(strength)

    return inputs, gradient


@keras.saving.register_keras_serializable(package="kconsist")
class GradientReversal(keras.layers.Layer):
    """Turns the sign of the gradient: what follows learns, what precedes flees.

    In front of a head that descends its loss, it makes the features ascend it.

    Args:
        strength: factor of the turned gradient (λ), a float or a schedule,
            `kconsist.schedules.WarmStart` for TLL's. A schedule is read at
            `iterations`, a weight of this layer. Defaults to `1.0`.
        auto_step: `iterations` moves on with each call in training; else it
            moves with `step()`, once for each step of the optimizer, as TLL
            does for Debiased Self-Training, whose step has several calls.
            Defaults to `False`.

    Call arguments:
        inputs: float tensor of any shape.

    Example:
        ```python
        import keras
        from kconsist.layers import GradientReversal
        from kconsist.schedules import WarmStart

        reversal = GradientReversal(WarmStart(0.1, steps=1000))
        features = keras.Input((8,))
        worst = keras.layers.Dense(3)(reversal(features))
        head = keras.Model(features, worst)
        reversal.step()
        ```

    Reference: https://arxiv.org/abs/1409.7495, gradient reversal layer. TLL:
    `tllib.modules.grl.WarmStartGradientReverseLayer`.
    """

    def __init__(self, strength=1.0, auto_step=False, **kwargs):
        _checks.weight("strength", strength)
        super().__init__(**kwargs)
        self.strength = strength
        self.auto_step = auto_step
        self.iterations = self.add_weight(
            name="iterations",
            dtype="int64",
            initializer="zeros",
            trainable=False,
        )
        self.built = True

    def step(self) -> None:
        """Moves the schedule on by one."""
        self.iterations.assign(self.iterations + 1)

    def call(self, inputs, training=None):
        """Returns the inputs."""
        strength = self.strength
        if isinstance(strength, LearningRateSchedule):
            strength = strength(self.iterations)
        outputs = reverse_gradient(inputs, strength)
        if training and self.auto_step:
            self.step()
        return outputs

    def compute_output_shape(self, input_shape):
        """Returns the shape of the inputs."""
        return input_shape

    def get_config(self) -> dict:
        """Returns the configuration, with the schedule's in it."""
        return {
            **super().get_config(),
            "strength": keras.saving.serialize_keras_object(self.strength),
            "auto_step": self.auto_step,
        }

    @classmethod
    def from_config(cls, config: dict):
        """Returns a layer from what `get_config` returned."""
        strength = keras.saving.deserialize_keras_object(config["strength"])
        return cls(**{**config, "strength": strength})
