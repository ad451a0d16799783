import itertools

import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, compiled, network
from training import first_batch

from kconsist import PiModel, data, models, views

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
    there = trainer.pair_loss(first, second)
    np.testing.assert_allclose(there, trainer.pair_loss(second, first), 1e-5)
    np.testing.assert_allclose(trainer.pair_loss(first, first), 0, atol=1e-6)


def test_squared_error_is_at_most_two_over_the_classes():
    trainer = PiModel(network())
    first = np.array([[100.0, 0.0, 0.0]], "float32")
    second = np.array([[0.0, 100.0, 0.0]], "float32")
    np.testing.assert_allclose(trainer.pair_loss(first, second), 2 / 3)


MORE = METHODS["pi_model_views"]


@pytest.mark.parametrize("distance", ["mse", "kl"])
@pytest.mark.parametrize("stop_gradient", [True, False])
def test_transformation_stability_is_the_mean_over_pairs(
    distance, stop_gradient
):
    batch, labels = first_batch(MORE)
    trainer = compiled(
        PiModel(network(), 4.0, distance, stop_gradient, ("third",))
    )
    loss, _, logs = trainer.objective(batch, labels)
    z = {k: np.array(trainer.student(v), "float64") for k, v in batch.items()}
    total, count = 0.0, 0
    for a, b in itertools.combinations(("weak", "strong", "third"), 2):
        if stop_gradient and a != "weak":
            continue
        count += 1
        if distance == "mse":
            total += oracles.squared_error(z[a], z[b])
        elif stop_gradient:
            total += oracles.divergence(z[a], z[b])
        else:
            total += oracles.divergence(z[a], z[b]) / 2
            total += oracles.divergence(z[b], z[a]) / 2
    expected = total / count
    np.testing.assert_allclose(logs["consistency_loss"], expected, rtol=1e-4)
    supervised = oracles.cross_entropy(z["labeled"], labels)
    np.testing.assert_allclose(loss, supervised + 4 * expected, rtol=1e-4)


def test_gradient_flows_through_every_one_of_more_views():
    batch, labels = first_batch(MORE)
    trainer = compiled(PiModel(network(), more_views=("third",)))
    with tf.GradientTape() as tape:
        tape.watch(batch)
        loss = trainer.objective(batch, labels)[2]["consistency_loss"]
    gradients = tape.gradient(loss, batch)
    for name in ("weak", "strong", "third"):
        assert np.abs(gradients[name]).max() > 1e-7


def test_pseudo_ensembles_differ_only_by_dropout():
    """One view twice: the passes differ only in the dropped units."""
    batch, labels = first_batch(METHOD)
    batch["strong"] = batch["weak"]

    def disagreement(student):
        trainer = compiled(PiModel(student))
        with tf.GradientTape() as tape:
            loss = trainer.objective(batch, labels)[2]["consistency_loss"]
        return loss, tape.gradient(loss, student.trainable_variables)

    still, _ = disagreement(network())
    np.testing.assert_allclose(still, 0, atol=1e-12)
    dropped, gradients = disagreement(network(dropout=0.5))
    assert float(dropped) > 1e-3
    assert all(np.abs(gradient).max() > 1e-6 for gradient in gradients)


def test_more_views_come_from_the_pipeline():
    points = data.load("moons")[0]
    jitter = views.Jitter(radius=0.25)
    options = dict(weak=jitter, strong=jitter, unlabeled_ratio=1, steps=1)
    batches = data.semi_supervised(
        points, points, more_views={"third": jitter}, **options
    )
    trainer = compiled(PiModel(models.MLP(2), more_views=("third",)))
    history = trainer.fit(batches, verbose=0).history
    assert history["consistency_loss"][0] > 0


def test_name_that_is_no_tuple():
    with pytest.raises(ValueError, match="a tuple of names, got 'third'"):
        PiModel(network(), more_views="third")
