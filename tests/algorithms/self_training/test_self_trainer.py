import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, compiled, network
from training import first_batch

from kconsist import SelfTrainer


def logits_of(trainer, views):
    return {
        name: np.array(
            trainer.teacher(view) if "clean" in name else trainer.student(view)
        ).astype("float64")
        for name, view in views.items()
    }


@pytest.mark.parametrize("temperature", [1.0, 2.0, 10.0])
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("alpha", [0.5, 0.1])
def test_loss_is_the_papers(temperature, squared, alpha):
    views, labels = first_batch(METHODS["self_trainer"])
    trainer = compiled(
        SelfTrainer(
            network(), network(seed=7), temperature, squared, alpha=alpha
        )
    )
    loss, predictions, logs = trainer.objective(views, labels)
    z = logits_of(trainer, views)
    supervised = oracles.cross_entropy(z["noisy"], labels)
    distillation = oracles.divergence(z["clean"], z["noisy"], temperature)
    if squared:
        distillation *= temperature**2
    np.testing.assert_allclose(predictions, z["noisy"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logs["supervised_loss"], supervised, rtol=1e-4)
    np.testing.assert_allclose(
        logs["distillation_loss"], distillation, rtol=1e-3
    )
    expected = alpha * supervised + (1 - alpha) * distillation
    np.testing.assert_allclose(loss, expected, rtol=1e-3)


@pytest.mark.parametrize("hard", [True, False])
def test_unlabeled_images_join_the_teachers_term(hard):
    views, labels = first_batch(METHODS["self_trainer_unlabeled"])
    trainer = compiled(
        SelfTrainer(network(), network(seed=7), hard_targets=hard)
    )
    logs = trainer.objective(views, labels)[2]
    z = logits_of(trainer, views)
    clean = np.concatenate([z["clean"], z["unlabeled_clean"]])
    noisy = np.concatenate([z["noisy"], z["unlabeled_noisy"]])
    assert len(noisy) == 24
    expected = oracles.divergence(clean, noisy)
    if hard:
        expected = oracles.cross_entropy(noisy, clean.argmax(-1))
    np.testing.assert_allclose(logs["distillation_loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(
        logs["supervised_loss"],
        oracles.cross_entropy(z["noisy"], labels),
        rtol=1e-4,
    )


@pytest.mark.parametrize("hard", [True, False])
def test_unlabeled_images_weigh_one_beside_weighted_ones(hard, rng):
    views, labels = first_batch(METHODS["self_trainer_unlabeled"])
    weight = rng.uniform(0, 3, len(labels)).astype("float32")
    trainer = compiled(
        SelfTrainer(network(), network(seed=7), hard_targets=hard)
    )
    logs = trainer.objective(views, labels, tf.constant(weight))[2]
    z = logits_of(trainer, views)
    one = oracles.cross_entropy if hard else oracles.divergence
    total = 0.0
    for kind, weights in (("", weight), ("unlabeled_", np.ones(16))):
        clean, noisy = z[f"{kind}clean"], z[f"{kind}noisy"]
        for a, b, w in zip(clean, noisy, weights, strict=True):
            pair = ([b], [a.argmax()]) if hard else ([a], [b])
            total += w * one(*pair)
    np.testing.assert_allclose(logs["distillation_loss"], total / 24, rtol=1e-4)


def distillation_gradient(trainer, views, labels):
    with tf.GradientTape() as tape:
        loss = trainer.objective(views, labels)[2]["distillation_loss"]
    return tape.gradient(loss, trainer.student.trainable_variables)


def test_student_that_predicts_as_its_teacher_has_no_gradient():
    views, labels = first_batch(METHODS["self_trainer"])
    views["clean"] = views["noisy"]
    trainer = compiled(SelfTrainer(network(), network(), temperature=3.0))
    loss = trainer.objective(views, labels)[2]["distillation_loss"]
    np.testing.assert_allclose(loss, 0.0, atol=1e-5)
    for gradient in distillation_gradient(trainer, views, labels):
        np.testing.assert_allclose(gradient, np.zeros_like(gradient), atol=1e-6)


def gradient_norm(temperature, squared):
    views, labels = first_batch(METHODS["self_trainer"])
    trainer = compiled(
        SelfTrainer(network(), network(seed=7), temperature, squared)
    )
    gradients = distillation_gradient(trainer, views, labels)
    return float(tf.linalg.global_norm(gradients))


def test_temperature_squared_keeps_the_gradient_and_its_lack_kills_it():
    """Hinton et al. 2015, section 2: gradients scale as 1/T²."""
    soft, softer = gradient_norm(20.0, True), gradient_norm(40.0, True)
    assert softer == pytest.approx(soft, rel=0.05)
    soft, softer = gradient_norm(20.0, False), gradient_norm(40.0, False)
    assert softer == pytest.approx(soft / 4, rel=0.05)


def test_alpha_leaves_regularizers_whole():
    views, labels = first_batch(METHODS["self_trainer"])
    images = tf.data.Dataset.from_tensors((views, labels))
    losses = []
    for l2 in (0.0, 0.1):
        trainer = compiled(
            SelfTrainer(network(l2=l2), network(seed=7), alpha=0.3)
        )
        penalty = sum(map(float, trainer.student.losses))
        history = trainer.fit(images, verbose=0).history
        losses.append(history["loss"][0] - penalty)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_teachers_regularizers_do_not_count():
    views, labels = first_batch(METHODS["self_trainer"])
    images = tf.data.Dataset.from_tensors((views, labels))
    losses = [
        compiled(SelfTrainer(network(), network(seed=7, l2=l2)))
        .fit(images, verbose=0)
        .history["loss"][0]
        for l2 in (0.0, 10.0)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
