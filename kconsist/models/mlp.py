"""A small fully connected network, for points and for tests."""

import keras


def MLP(  # noqa: N802 (a model's name)
    num_classes: int,
    input_shape: tuple = (2,),
    hidden: tuple = (64, 64, 64),
) -> keras.Model:
    """Returns a network of fully connected layers with ReLU.

    Args:
        num_classes: width of the output.
        input_shape: shape of one example. Defaults to `(2,)`.
        hidden: width of each hidden layer. Defaults to `(64, 64, 64)`.

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
