"""Splits a student into a backbone, which returns features, and a classifier.

Methods with additional heads put them on the features, the input of the
classifier. Backbone and classifier share the student's layers and weights.
"""

import itertools
from collections.abc import Callable

import keras
from keras import ops


def split(
    student: keras.Model, classifier: str | None = None
) -> tuple[keras.Model, list]:
    """Splits a student into its backbone and the layers of its classifier.

    Args:
        student: built functional or sequential model from images to logits.
        classifier: name of the first layer of the classifier. The layers from
            there on must form a chain. Defaults to `None`, the last layer that
            has weights.

    Returns:
        A `keras.Model` from images to features (batch, width), and the list of
        layers from the features to the logits, see `classify`.

    Raises:
        ValueError: the student can't be split there.

    Example:
        ```python
        import numpy as np
        from kconsist import features, models

        student = models.MLP(num_classes=3)
        backbone, classifier = features.split(student)
        vectors = backbone(np.zeros((4, 2)))  # (4, 64)
        logits = features.classify(classifier, vectors)  # (4, 3)
        ```
    """
    layers = _classifier_layers(student, classifier)
    try:
        if not isinstance(student, keras.Sequential):
            _check_chain(layers, student.outputs[0])
        features = layers[0].input
        (images,) = student.inputs
        backbone = keras.Model(images, features, name="backbone")
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(_split_error(student, layers, error)) from error
    if len(features.shape) != 2 or features.shape[-1] is None:
        reason = (
            f"features must have shape (batch, width), got {features.shape}"
        )
        raise ValueError(_split_error(student, layers, reason))
    if not backbone.weights:
        reason = "no layer before it has weights"
        raise ValueError(_split_error(student, layers, reason))
    return backbone, layers


def classify(classifier: list, features):
    """Returns the logits of features in training mode, as float32.

    Args:
        classifier: list of layers, see `split`.
        features: float tensor (batch, width).
    """
    for layer in classifier:
        features = layer(features, training=True)
    return ops.cast(features, "float32")


def with_features(network: keras.Model, features=None) -> Callable:
    """Returns a function that computes logits and features in one pass.

    Args:
        network: built functional or sequential model from images to logits.
        features: symbolic tensor of the network, such as `layer.output`.
            Defaults to `None`, the logits themselves.

    Returns:
        A function of images and `training` that returns float32 logits and
        features. It is deliberately not a Keras object: a trainer that stores
        one would track it as another network.
    """
    if features is None:

        def outputs(images, training):
            logits = network(images, training=training)
            return logits, logits

    else:
        extractor = keras.Model(network.inputs, [network.outputs[0], features])

        def outputs(images, training):
            return extractor(images, training=training)

    def call(images, training: bool = False):
        return [ops.cast(x, "float32") for x in outputs(images, training)]

    return call


def l2_normalize(vectors, axis: int | tuple = -1):
    """Returns vectors scaled to unit Euclidean length; zero vectors stay zero.

    Args:
        vectors: float tensor.
        axis: axis or axes of the vector entries. Defaults to `-1`.

    Returns:
        float32 tensor of the same shape.
    """
    vectors = ops.cast(vectors, "float32")
    # Divide by the largest entry first: squares of small values underflow.
    largest = ops.max(ops.abs(vectors), axis=axis, keepdims=True)
    largest = ops.stop_gradient(largest)  # A scale does not change the result.
    scaled = vectors / ops.where(largest > 1e-30, largest, 1.0)
    squares = ops.sum(scaled * scaled, axis=axis, keepdims=True)
    # A zero vector passes its gradient on unscaled; it would overflow.
    return scaled / ops.sqrt(ops.where(squares > 0, squares, 1.0))


def _classifier_layers(student, name):
    layers = getattr(student, "layers", [])
    if name is None:
        with_weights = [i for i, layer in enumerate(layers) if layer.weights]
        start = with_weights[-1] if with_weights else None
    else:
        names = [layer.name for layer in layers]
        if name not in names:
            raise ValueError(
                "classifier must be the name of a layer of student "
                f"{student.name!r}, one of {names}, got {name!r}"
            )
        start = names.index(name)
    if start is None or not hasattr(student, "inputs"):
        reason = (
            "it is not a functional or sequential model with several layers"
        )
        raise ValueError(_split_error(student, [], reason))
    return layers[start:]


def _check_chain(layers, logits):
    for before, after in itertools.pairwise(layers):
        if after.input is not before.output:
            raise ValueError("the layers from there on do not form a chain")
    if layers[-1].output is not logits:
        raise ValueError(f"{layers[-1].name!r} is not its output layer")


def _split_error(student, layers, reason):
    place = f" at layer {layers[0].name!r}" if layers else ""
    return (
        f"student {student.name!r} can't be split into backbone and classifier"
        f"{place}: {reason}; pass a functional or sequential model that ends "
        "in a Dense layer on vectors"
    )
