import numpy as np
import oracles
import pytest
import tensorflow as tf
from keras.optimizers.schedules import PolynomialDecay
from methods import METHODS, batches, compiled, network, weights
from training import REORDERED_SUMS, assert_same_weights, first_batch

from kconsist import UDA

METHOD = METHODS["uda"]


def numbers(trainer, views):
    return {
        k: np.array(trainer.student(v), "float64") for k, v in views.items()
    }


@pytest.mark.parametrize("temperature", [0.4, 1.0])
@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
def test_loss_is_the_papers(temperature, threshold):
    views, labels = first_batch(METHOD)
    trainer = compiled(
        UDA(
            network(),
            consistency_weight=3.0,
            temperature=temperature,
            threshold=threshold,
        )
    )
    loss, _, logs = trainer.objective(views, labels)
    z = numbers(trainer, views)
    total = 0.0
    for weak, strong in zip(z["weak"], z["strong"], strict=True):
        # Masked by the prediction before it is sharpened.
        if oracles.softmax(weak).max() > threshold:
            p = oracles.softmax(weak, temperature)
            q = oracles.softmax(strong)
            total += sum(p * np.log(p / q))
    consistency = total / len(z["weak"])
    supervised = oracles.cross_entropy(z["labeled"], labels)
    np.testing.assert_allclose(
        logs["consistency_loss"], consistency, rtol=1e-4, atol=1e-7
    )
    np.testing.assert_allclose(loss, supervised + 3 * consistency, rtol=1e-4)


def test_temperature_sharpens_the_target_not_the_student():
    views, labels = first_batch(METHOD)
    trainer = compiled(UDA(network(), temperature=1e-3))
    z = numbers(trainer, views)
    hard = oracles.masked_cross_entropy(z["weak"], z["strong"], 0.0)[0]
    value = trainer.objective(views, labels)[2]["consistency_loss"]
    np.testing.assert_allclose(value, hard, rtol=1e-4)


def test_same_views_at_temperature_one_cost_nothing():
    views, labels = first_batch(METHOD)
    views["strong"] = views["weak"]
    trainer = compiled(UDA(network()))
    with tf.GradientTape() as tape:
        loss = trainer.objective(views, labels)[2]["consistency_loss"]
    np.testing.assert_allclose(loss, 0, atol=1e-7)
    for gradient in tape.gradient(loss, trainer.student.trainable_variables):
        np.testing.assert_allclose(gradient, 0, atol=1e-6)


@pytest.mark.parametrize("limit", [0.3, 0.4, 1.0])
def test_annealing_leaves_out_what_is_learned(limit):
    """The mean is over the labels that are left (paper, section 2.3)."""
    views, labels = first_batch(METHOD)
    trainer = compiled(UDA(network(), signal_annealing=limit))
    z = numbers(trainer, views)["labeled"]
    left = [
        -np.log(oracles.softmax(row)[label])
        for row, label in zip(z, labels.numpy(), strict=True)
        if oracles.softmax(row)[label] <= limit
    ]
    if limit < 1:
        assert 0 < len(left) < len(labels)
    value = trainer.objective(views, labels)[2]["supervised_loss"]
    np.testing.assert_allclose(value, np.mean(left), rtol=1e-4)


def test_annealing_keeps_the_weights_of_examples():
    views, labels = first_batch(METHOD)
    trainer = compiled(UDA(network(), signal_annealing=0.35))
    z = numbers(trainer, views)["labeled"]
    weight = np.linspace(0.5, 2.0, len(labels)).astype("float32")
    true_class = [
        oracles.softmax(row)[label]
        for row, label in zip(z, labels.numpy(), strict=True)
    ]
    left = np.array(true_class) <= 0.35
    assert 0 < left.sum() < len(left)
    expected = np.sum(-np.log(true_class) * weight * left) / left.sum()
    _, _, logs = trainer.objective(views, labels, tf.constant(weight))
    np.testing.assert_allclose(logs["supervised_loss"], expected, rtol=1e-4)


def test_annealing_follows_the_step():
    trainer = compiled(
        UDA(network(), signal_annealing=PolynomialDecay(0.0, 10, 1.0))
    )
    views, labels = first_batch(METHOD)
    assert trainer.objective(views, labels)[2]["supervised_loss"] == 0
    trainer.optimizer.iterations.assign(10)
    assert trainer.objective(views, labels)[2]["supervised_loss"] > 0.5


def test_entropy_of_the_weak_view_counts_with_its_weight():
    views, labels = first_batch(METHOD)
    without, with_entropy = (
        compiled(UDA(network(), entropy_weight=c)) for c in (0.0, 2.0)
    )
    p = np.array([oracles.softmax(z) for z in numbers(without, views)["weak"]])
    entropy = np.mean(-np.sum(p * np.log(p), axis=1))
    with tf.GradientTape() as tape:
        tape.watch(views["weak"])
        loss, _, logs = with_entropy.objective(views, labels)
    np.testing.assert_allclose(logs["entropy"], entropy, rtol=1e-5)
    plain = without.objective(views, labels)[0]
    np.testing.assert_allclose(loss - plain, 2 * entropy, rtol=1e-4)
    # The divergence's target lets no gradient through, the entropy does.
    assert np.abs(tape.gradient(loss, views["weak"])).max() > 1e-4


@pytest.mark.slow
def test_annealing_counts_what_is_left_on_all_replicas(mirrored):
    def make():
        return compiled(UDA(network(), signal_annealing=0.35))

    single = make()
    single.fit(batches(METHOD), verbose=0)
    with mirrored.scope():
        both = make()
    both.fit(batches(METHOD), verbose=0)
    assert_same_weights(single, both, **REORDERED_SUMS)
    before = weights(network())
    moved = [
        a - b for a, b in zip(weights(single.student), before, strict=True)
    ]
    assert max(np.abs(m).max() for m in moved) > 1e-3
