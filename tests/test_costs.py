"""How many images a step takes through the student and its average.

Of B labeled and U unlabeled images, as counted by each paper's algorithm.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import BATCH, CLASSES, FEATURES, METHODS, RATIO, compiled
from test_contract import first_batch

B, U = BATCH, BATCH * RATIO


@keras.saving.register_keras_serializable(package="tests")
class Counting(keras.layers.Dense):
    """A first layer that notes the size of each batch, and its network."""

    passes = []

    def call(self, inputs, training=None):
        if not isinstance(inputs, keras.KerasTensor):
            whose = "student" if self.trainable_weights else "average"
            self.passes.append((whose, len(inputs)))
        return super().call(inputs)


def counting_network():
    return keras.Sequential(
        [
            keras.Input((FEATURES,)),
            Counting(10, activation="relu"),
            keras.layers.Dense(CLASSES),
        ]
    )


@pytest.mark.parametrize(
    "name, of_student, of_average",
    [
        # The guess of both views, and one pass of all mixtures.
        ("mixmatch", [2 * U, B + 2 * U], []),
        # The labels' strong view of TLL is left out: B less.
        ("debiased_self_training", [B + 2 * U], []),
        # The pseudo-labels come with the queries: U less than TLL.
        ("self_tuning", [B + U], [B + U]),
        # The features once, though the classifier is asked three times.
        ("adversarial_dropout", [B + U], []),
    ],
)
def test_images_of_a_step(name, of_student, of_average):
    trainer = compiled(METHODS[name].make(counting_network()))
    Counting.passes.clear()
    trainer.objective(*first_batch(METHODS[name]))
    for whose, expected in (("student", of_student), ("average", of_average)):
        found = [size for who, size in Counting.passes if who == whose]
        assert sorted(found) == sorted(expected)


def test_no_gradient_is_computed_through_mixmatchs_guess():
    """Part of its cost: B + 2 U back, of the mixtures alone."""
    method = METHODS["mixmatch"]
    trainer = compiled(method.make(counting_network()))
    views, labels = first_batch(method)
    back = []

    @tf.custom_gradient
    def noted(x):
        def gradient(upstream):
            back.append(len(upstream))
            return upstream

        return tf.identity(x), gradient

    forward = trainer.forward
    trainer.forward = lambda images: noted(forward(images))
    with tf.GradientTape() as tape:
        loss = trainer.objective(views, labels)[0]
    gradients = tape.gradient(loss, trainer.student.trainable_variables)
    assert back == [B + 2 * U] and np.abs(gradients[0]).max() > 0
