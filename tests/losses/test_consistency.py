import keras
import numpy as np
import pytest

from kconsist.losses import ConsistencyLoss, L2ConsistencyLoss

FIRST = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], "float32")
SECOND = np.array([[0.0, 1.0], [0.5, 0.5], [0.5, 0.5]], "float32")
SQUARED = [2.0, 0.0, 0.5]  # Squared distances, summed over the classes.


@keras.saving.register_keras_serializable(package="test")
def absolute(p, q):
    return keras.ops.sum(keras.ops.abs(p - q), axis=-1)


@pytest.mark.parametrize(
    "reduction, expected",
    [("none", SQUARED), ("sum", 2.5), ("mean", 2.5 / 3)],
)
def test_accepts_tlls_names_of_reductions(reduction, expected):
    found = L2ConsistencyLoss(reduction)(FIRST, SECOND)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_masked_mean_is_over_all_examples():
    mask = np.array([0.0, 1.0, 1.0])
    found = L2ConsistencyLoss()(FIRST, SECOND, mask)
    np.testing.assert_allclose(found, 0.5 / 3, rtol=1e-6)


def test_accepts_and_saves_a_function():
    loss = ConsistencyLoss(absolute)
    np.testing.assert_allclose(loss(FIRST, SECOND), 1.0, rtol=1e-6)
    copy = ConsistencyLoss.from_config(loss.get_config())
    assert copy.distance is absolute


def test_rejects_a_distance_reduced_over_the_batch():
    loss = ConsistencyLoss(keras.losses.MeanSquaredError())
    with pytest.raises(ValueError, match=r"one value per example.* got shape"):
        loss(FIRST, SECOND)
    with pytest.raises(ValueError, match="callable of two predictions, got 3"):
        ConsistencyLoss(3)


@pytest.mark.parametrize(
    "loss", [ConsistencyLoss(absolute), L2ConsistencyLoss()]
)
def test_rejects_different_numbers_of_classes(loss):
    with pytest.raises(ValueError, match="got 1 and 2"):
        loss(FIRST, SECOND[:, :1])
