import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, compiled, network
from test_contract import first_batch

from kconsist import PiModel

METHOD = METHODS["pi_model"]


@pytest.mark.parametrize("distance", ["mse", "kl"])
@pytest.mark.parametrize("stop_gradient", [True, False])
def test_loss_is_the_papers(distance, stop_gradient):
    views, labels = first_batch(METHOD)
    trainer = compiled(PiModel(network(), 4.0, distance, stop_gradient))
    loss, _, logs = trainer.objective(views, labels)
    z = {k: np.array(trainer.student(v), "float64") for k, v in views.items()}
    if distance == "mse":
        expected = oracles.squared_error(z["weak"], z["strong"])
    else:
        expected = oracles.divergence(z["weak"], z["strong"])
        if not stop_gradient:
            back = oracles.divergence(z["strong"], z["weak"])
            expected = (expected + back) / 2
    np.testing.assert_allclose(logs["consistency_loss"], expected, rtol=1e-4)
    supervised = oracles.cross_entropy(z["labeled"], labels)
    np.testing.assert_allclose(loss, supervised + 4 * expected, rtol=1e-4)


@pytest.mark.parametrize("distance", ["mse", "kl"])
@pytest.mark.parametrize("stop_gradient", [True, False])
def test_gradient_flows_through_both_views_unless_stopped(
    distance, stop_gradient
):
    views, labels = first_batch(METHOD)
    trainer = compiled(PiModel(network(), 1.0, distance, stop_gradient))
    with tf.GradientTape() as tape:
        tape.watch(views)
        loss = trainer.objective(views, labels)[2]["consistency_loss"]
    gradients = tape.gradient(loss, views)
    weak = gradients["weak"]
    reached = weak is not None and bool(np.abs(weak).max() > 1e-7)
    assert reached is not stop_gradient
    assert np.abs(gradients["strong"]).max() > 1e-7


@pytest.mark.parametrize("distance", ["mse", "kl"])
def test_distance_is_symmetric_and_zero_for_equal_views(distance, rng):
    trainer = PiModel(network(), distance=distance)
    first, second = rng.normal(0, 5, (2, 16, 3)).astype("float32")
    there = trainer.disagreement(first, second)
    np.testing.assert_allclose(there, trainer.disagreement(second, first), 1e-5)
    np.testing.assert_allclose(trainer.disagreement(first, first), 0, atol=1e-6)


def test_squared_error_is_at_most_two_over_the_classes():
    trainer = PiModel(network())
    first = np.array([[100.0, 0.0, 0.0]], "float32")
    second = np.array([[0.0, 100.0, 0.0]], "float32")
    np.testing.assert_allclose(trainer.disagreement(first, second), 2 / 3)
