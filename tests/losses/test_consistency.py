import keras
import numpy as np
import pytest

from kconsist.losses import ConsistencyLoss, L2ConsistencyLoss

FIRST = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], "float32")
SECOND = np.array([[0.0, 1.0], [0.5, 0.5], [0.5, 0.5]], "float32")
EACH = [2.0, 0.0, 0.5]  # Squared distances, summed over the classes.


@keras.saving.register_keras_serializable(package="test")
def absolute(p, q):
    return keras.ops.sum(keras.ops.abs(p - q), axis=-1)


@pytest.mark.parametrize(
    "reduction, expected",
    [("none", EACH), ("sum", 2.5), ("mean", 2.5 / 3)],
)
def test_reductions_have_tlls_names(reduction, expected):
    found = L2ConsistencyLoss(reduction)(FIRST, SECOND)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_mean_under_a_mask_is_over_all():
    mask = np.array([0.0, 1.0, 1.0])
    found = L2ConsistencyLoss()(FIRST, SECOND, mask)
    np.testing.assert_allclose(found, 0.5 / 3, rtol=1e-6)


def test_takes_a_function_and_saves_it():
    loss = ConsistencyLoss(absolute)
    np.testing.assert_allclose(loss(FIRST, SECOND), 1.0, rtol=1e-6)
    copy = ConsistencyLoss.from_config(loss.get_config())
    assert copy.distance is absolute


def test_a_distance_of_the_batch_is_refused():
    loss = ConsistencyLoss(keras.losses.MeanSquaredError())
    with pytest.raises(ValueError, match=r"one value an example.* got shape"):
        loss(FIRST, SECOND)
    with pytest.raises(ValueError, match="callable of two predictions, got 3"):
        ConsistencyLoss(3)


@pytest.mark.parametrize(
    "loss", [ConsistencyLoss(absolute), L2ConsistencyLoss()]
)
def test_other_classes_are_refused(loss):
    with pytest.raises(ValueError, match="got 1 and 2"):
        loss(FIRST, SECOND[:, :1])
