"""A student in two parts: the layers up to its features, and its classifier.

Methods with heads of their own put them on the features that the classifier
takes. The parts share the student's layers and weights.
"""

import itertools

import keras
from keras import ops


def split(student: keras.Model, classifier: str | None = None):
    """Returns the layers up to the features, and those of the classifier.

    Args:
        student: built functional or sequential model from images to logits.
        classifier: name of the classifier's first layer, from which on the
            layers follow one upon the other. Defaults to `None`, the last layer
            that has weights.

    Returns:
        A `keras.Model` from images to features (batch, width), and the list of
        the layers from there to the logits, see `classify`.

    Raises:
        ValueError: the student can't be parted there.

    Example:
        ```python
        import numpy as np
        from kconsist import features, models

        student = models.MLP(num_classes=3)
        backbone, classifier = features.split(student)
        found = backbone(np.zeros((4, 2)))  # (4, 64)
        logits = features.classify(classifier, found)  # (4, 3)
        ```
    """
    layers = _classifier(student, classifier)
    try:
        if not isinstance(student, keras.Sequential):
            _check_chain(layers, student.outputs[0])
        found = layers[0].input
        (images,) = student.inputs
        backbone = keras.Model(images, found, name="backbone")
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(_no_parts(student, layers, error)) from error
    if len(found.shape) != 2 or found.shape[-1] is None:
        why = f"its features must have shape (batch, width), got {found.shape}"
        raise ValueError(_no_parts(student, layers, why))
    if not backbone.weights:
        why = "no layer before it has weights"
        raise ValueError(_no_parts(student, layers, why))
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


def with_features(network: keras.Model, features=None):
    """Returns a function from images to logits and features in one pass.

    Args:
        network: built functional or sequential model from images to logits.
        features: symbolic tensor inside of it, such as `layer.output`.
            Defaults to `None`, the logits themselves.

    Returns:
        A function of images and `training` that returns float32 logits and
        features. It is no Keras object, which a trainer that stores it would
        track as one more network.
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


def l2_normalize(vectors, axis=-1):
    """Returns vectors scaled to Euclidean length 1, as float32; 0 stays 0.

    Args:
        vectors: float tensor.
        axis: axis or axes that form a vector. Defaults to `-1`.
    """
    vectors = ops.cast(vectors, "float32")
    # First by the largest entry: squares of small values underflow.
    largest = ops.max(ops.abs(vectors), axis=axis, keepdims=True)
    scaled = vectors / ops.maximum(largest, 1e-30)
    length = ops.sqrt(ops.sum(scaled * scaled, axis=axis, keepdims=True))
    return scaled / ops.maximum(length, 1e-12)


def _classifier(student, name):
    layers = getattr(student, "layers", [])
    if name is None:
        starts = [i for i, layer in enumerate(layers) if layer.weights]
        start = starts[-1] if starts else None
    else:
        names = [layer.name for layer in layers]
        if name not in names:
            raise ValueError(
                f"classifier must be the name of a layer of student "
                f"{student.name!r}, one of {names}, got {name!r}"
            )
        start = names.index(name)
    if start is None or not hasattr(student, "inputs"):
        why = "it is no functional or sequential model of several layers"
        raise ValueError(_no_parts(student, [], why))
    return layers[start:]


def _check_chain(layers, logits):
    for before, after in itertools.pairwise(layers):
        if after.input is not before.output:
            raise ValueError("its layers do not follow one another")
    if layers[-1].output is not logits:
        raise ValueError(f"it does not end at {layers[-1].name!r}")


def _no_parts(student, layers, why):
    place = f" at its layer {layers[0].name!r}" if layers else ""
    return (
        f"student {student.name!r} must part into features and a classifier"
        f"{place}, and {why}; give a functional or sequential model that ends "
        "in a Dense layer on vectors"
    )
