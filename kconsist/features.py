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
