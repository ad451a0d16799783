"""Gradient reversal: the identity, with a negated gradient.

Ganin and Lempitsky 2015, "Unsupervised Domain Adaptation by Backpropagation".
"""

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kconsist import _checks


def reverse_gradient(inputs, strength):
    """Returns `inputs`, and multiplies their gradient by -strength.

    Args:
        inputs: float tensor of any shape.
        strength: float or scalar tensor (λ); no gradient flows into it.

    Returns:
        Tensor with the values of `inputs`.

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
    return _reverse_gradient(inputs, strength)


@ops.custom_gradient
def _reverse_gradient(inputs, strength):
    def gradient(upstream):
        return -strength * upstream, ops.zeros_like(strength)

    return inputs, gradient


@keras.saving.register_keras_serializable(package="kconsist")
class GradientReversal(keras.layers.Layer):
    """Reverses the gradient: earlier layers maximize the loss.

    Later layers, such as a head on the reversed features, still minimize it.

    Args:
        strength: factor (λ) of the reversed gradient, a float or a schedule;
            TLL's schedule is `kconsist.schedules.WarmStart`. A schedule is
            evaluated at `iterations`, a weight of this layer. Defaults to
            `1.0`.
        auto_step: increment `iterations` on every call in training mode. If
            false, call `step()` once per optimizer step, as TLL does for
            Debiased Self-Training, which calls the layer several times per
            step. Defaults to `False`.

    Call arguments:
        inputs: float tensor of any shape.

    Example:
        ```python
        import keras
        from kconsist.layers import GradientReversal
        from kconsist.schedules import WarmStart

        reversal = GradientReversal(WarmStart(0.1, steps=1000))
        features = keras.Input((8,))
        logits = keras.layers.Dense(3)(reversal(features))
        head = keras.Model(features, logits)
        reversal.step()
        ```

    Reference: https://arxiv.org/abs/1409.7495, gradient reversal layer. TLL:
    `tllib.modules.grl.WarmStartGradientReverseLayer`.
    """

    def __init__(
        self,
        strength: float | LearningRateSchedule = 1.0,
        auto_step: bool = False,
        **kwargs,
    ):
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
        """Increments `iterations`, the step of the schedule."""
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
        """Returns the configuration, including that of the schedule."""
        return {
            **super().get_config(),
            "strength": keras.saving.serialize_keras_object(self.strength),
            "auto_step": self.auto_step,
        }

    @classmethod
    def from_config(cls, config: dict):
        """Creates a layer from the output of `get_config`."""
        strength = keras.saving.deserialize_keras_object(config["strength"])
        return cls(**{**config, "strength": strength})
