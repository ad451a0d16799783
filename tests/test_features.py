import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import CLASSES, FEATURES, network

from kconsist import features, models


def test_parts_together_are_the_student(rng):
    student = network(batch_norm=True)
    images = rng.normal(size=(5, FEATURES)).astype("float32")
    backbone, classifier = features.split(student)
    found = backbone(images)
    assert found.shape == (5, 10)
    np.testing.assert_allclose(
        features.classify(classifier, found), student(images), rtol=1e-6
    )
    assert {id(v) for v in backbone.weights} < {id(v) for v in student.weights}


def test_a_functional_student_with_a_layer_after_its_last_weights(rng):
    images = keras.Input((8, 8, 1))
    vectors = keras.layers.GlobalAveragePooling2D()(
        keras.layers.Conv2D(4, 3)(images)
    )
    logits = keras.layers.Activation("linear")(keras.layers.Dense(3)(vectors))
    student = keras.Model(images, logits)
    backbone, classifier = features.split(student)
    batch = rng.normal(size=(5, 8, 8, 1)).astype("float32")
    assert [type(layer).__name__ for layer in classifier] == [
        "Dense",
        "Activation",
    ]
    np.testing.assert_allclose(
        features.classify(classifier, backbone(batch)),
        student(batch),
        rtol=1e-5,
    )


def test_a_classifier_of_several_layers():
    student = network(dropout=0.5)
    name = student.layers[-2].name
    backbone, classifier = features.split(student, name)
    assert classifier == student.layers[-2:]
    assert np.any(
        features.classify(classifier, np.ones((9, 10))).numpy().std(0)
    )


def test_a_sequential_student_that_grew_layer_by_layer(rng):
    """Each `add` calls all layers again, as loading from a file does."""
    student = keras.Sequential([keras.Input((FEATURES,))])
    for layer in network(dropout=0.5).layers:
        student.add(layer)
    copy = keras.Sequential.from_config(student.get_config())
    copy.set_weights(student.get_weights())
    images = rng.normal(size=(5, FEATURES)).astype("float32")
    backbone, (*_, last) = features.split(copy, copy.layers[1].name)
    np.testing.assert_allclose(backbone(images), student.layers[0](images))
    np.testing.assert_allclose(
        last(keras.ops.relu(backbone(images))), student(images), rtol=1e-6
    )


def test_a_student_can_be_split_twice():
    student = models.WideResNet(10, 1, num_classes=3)
    first, second = (features.split(student)[0] for _ in range(2))
    assert first.output_shape == second.output_shape == (None, 64)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(4)
        self.head = keras.layers.Dense(CLASSES)

    def call(self, inputs):
        return self.head(self.hidden(inputs))


def subclassed():
    model = Subclassed()
    model(np.zeros((1, FEATURES)))
    return model


def sequential(*layers):
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def residual():
    images = keras.Input((FEATURES,))
    first = keras.layers.Dense(CLASSES, name="first")(images)
    second = keras.layers.Dense(CLASSES)(first)
    return keras.Model(images, keras.layers.Add()([first, second]))


@pytest.mark.parametrize(
    "student, classifier, words",
    [
        (subclassed, None, "pass a functional or sequential model"),
        (lambda: sequential(keras.layers.Conv2D(3, 8)), None, "got .None, 8"),
        (
            lambda: keras.Sequential(
                [keras.Input((FEATURES,)), keras.layers.Dense(CLASSES)]
            ),
            None,
            "no layer before it has weights",
        ),
        (residual, None, "do not form a chain"),
        (residual, "first", "do not form a chain"),
        (residual, "third", "must be the name of a layer .* got 'third'"),
    ],
)
def test_rejects_a_student_that_cannot_be_split(student, classifier, words):
    with pytest.raises(ValueError, match=words):
        features.split(student(), classifier)


def test_zero_vectors_stay_zero_and_pass_a_small_gradient(rng):
    vectors = tf.Variable(rng.normal(size=(3, 4)).astype("float32"))
    vectors[1].assign(np.zeros(4))
    with tf.GradientTape() as tape:
        normalized = features.l2_normalize(vectors)
        value = tf.reduce_sum(normalized * rng.normal(size=(3, 4)))
    np.testing.assert_array_equal(normalized[1], 0)
    gradient = np.array(tape.gradient(value, vectors))
    assert np.abs(gradient[1]).max() < 10
    assert np.isfinite(gradient).all()


def test_gradient_of_normalization_is_the_projection(rng):
    """(I - u uᵀ) g / |v| for u = v / |v|."""
    v = rng.normal(size=(5, 4)).astype("float32")
    g = rng.normal(size=(5, 4)).astype("float32")
    vectors = tf.Variable(v)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(features.l2_normalize(vectors) * g)
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    unit = v / length
    expected = (g - unit * np.sum(unit * g, -1, keepdims=True)) / length
    np.testing.assert_allclose(
        tape.gradient(value, vectors), expected, rtol=1e-4, atol=1e-6
    )


def test_the_classifier_runs_in_training_mode(rng):
    student = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(4),
            keras.layers.Dense(50, name="hidden"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(CLASSES),
        ]
    )
    backbone, classifier = features.split(student, "hidden")
    found = backbone(rng.normal(size=(5, FEATURES)).astype("float32"))
    first, second = (features.classify(classifier, found) for _ in range(2))
    assert np.abs(np.array(first) - np.array(second)).max() > 1e-3
