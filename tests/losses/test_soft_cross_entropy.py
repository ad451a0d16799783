import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.losses import SoftCrossEntropyLoss


def test_equals_keras_on_the_softmax_of_the_labels(rng):
    y, labels = rng.normal(0, 2, (2, 8, 5)).astype("float32")
    stock = keras.losses.CategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(
        SoftCrossEntropyLoss()(y, labels),
        stock(tf.nn.softmax(labels), y),
        rtol=1e-6,
    )


def test_rejects_different_numbers_of_classes():
    with pytest.raises(ValueError, match="got 5 and 4"):
        SoftCrossEntropyLoss()(np.zeros((2, 4)), np.zeros((2, 5)))
