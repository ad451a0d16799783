"""A small fully connected network for 2-D points and tests."""

import keras


def MLP(  # noqa: N802 (a model's name)
    num_classes: int,
    input_shape: tuple[int, ...] = (2,),
    hidden: tuple[int, ...] = (64, 64, 64),
) -> keras.Model:
    """Returns a fully connected network with ReLU activations.

    Args:
        num_classes: number of classes.
        input_shape: shape of one example. Defaults to `(2,)`.
        hidden: widths of the hidden layers. Defaults to `(64, 64, 64)`.

    Returns:
        A built model from (batch, *input_shape) to logits (batch, classes).

    Example:
        ```python
        from kconsist.models import MLP

        model = MLP(num_classes=2)
        ```
    """
    layers = [keras.Input(input_shape), keras.layers.Flatten()]
    layers += [keras.layers.Dense(width, activation="relu") for width in hidden]
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")
    return keras.Sequential([*layers, logits], name="mlp")
