import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, batches, compiled, network, weights
from training import first_batch

from kconsist import FixMatch

METHOD = METHODS["fixmatch"]


@pytest.mark.parametrize("threshold", [0.0, 0.35, 0.4, 0.5, 1.0])
def test_loss_is_the_papers(threshold):
    views, labels = first_batch(METHOD)
    trainer = compiled(
        FixMatch(network(), threshold=threshold, consistency_weight=3.0)
    )
    loss, logits, logs = trainer.objective(views, labels)
    z = {k: np.array(trainer.student(v), "float64") for k, v in views.items()}
    supervised = oracles.cross_entropy(z["labeled"], labels)
    consistency, rate = oracles.masked_cross_entropy(
        z["weak"], z["strong"], threshold
    )
    np.testing.assert_allclose(logs["mask_rate"], rate)
    np.testing.assert_allclose(logs["consistency_loss"], consistency, rtol=1e-4)
    np.testing.assert_allclose(loss, supervised + 3 * consistency, rtol=1e-4)


def test_some_thresholds_above_keep_a_part():
    views, labels = first_batch(METHOD)
    trainer = compiled(FixMatch(network(), threshold=0.4))
    assert 0 < float(trainer.objective(views, labels)[2]["mask_rate"]) < 1


def test_masked_examples_have_no_gradient_and_kept_ones_have():
    """A mask of shape (n, 1) against losses (n,) would mix the examples."""
    views, labels = first_batch(METHOD)
    trainer = compiled(FixMatch(network(), threshold=0.4))
    with tf.GradientTape() as tape:
        tape.watch(views["strong"])
        loss = trainer.objective(views, labels)[2]["consistency_loss"]
    size = np.abs(tape.gradient(loss, views["strong"])).sum(-1)
    confidence = tf.nn.softmax(trainer.student(views["weak"])).numpy().max(-1)
    np.testing.assert_array_equal(size > 0, confidence >= 0.4)


def test_nothing_confident_trains_only_on_the_labels():
    trainer = compiled(FixMatch(network(), threshold=1.0))
    other = compiled(FixMatch(network(), consistency_weight=0.0))
    for each in (trainer, other):
        each.fit(batches(METHOD), verbose=0)
    for a, b in zip(weights(trainer), weights(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_one_pass_moves_batch_norm_once_over_the_mixture():
    views, labels = first_batch(METHOD)
    trainer = compiled(FixMatch(network(batch_norm=True)))
    trainer.objective(views, labels)
    mixed = np.concatenate([views[k] for k in ("labeled", "weak", "strong")])
    hidden = np.array(trainer.student.layers[0](mixed))
    np.testing.assert_allclose(
        trainer.student.layers[1].moving_mean,
        0.1 * hidden.mean(0),
        rtol=1e-4,
        atol=1e-6,
    )


def test_average_predicts_with_a_copy_of_the_statistics():
    trainer = compiled(FixMatch(network(batch_norm=True), ema_decay=0.9))
    trainer.fit(batches(METHOD), verbose=0)
    assert trainer.inference_model is trainer.teacher
    norms = [m.layers[1] for m in (trainer.student, trainer.teacher)]
    np.testing.assert_array_equal(norms[0].moving_mean, norms[1].moving_mean)
    assert np.abs(norms[0].gamma - norms[1].gamma).max() > 0


def test_student_predicts_without_an_average():
    trainer = compiled(FixMatch(network()))
    assert trainer.inference_model is trainer.student
    assert trainer.teacher is None


def test_labels_of_the_average_are_not_used():
    """The pseudo-labels are the student's own, as in the paper."""
    views, labels = first_batch(METHOD)
    trainer = compiled(FixMatch(network(), threshold=0.4, ema_decay=0.9))
    before = trainer.objective(views, labels)[0]
    for weight in trainer.teacher.weights:
        weight.assign(weight * 0 + 1)
    np.testing.assert_array_equal(before, trainer.objective(views, labels)[0])


def test_loss_does_not_depend_on_the_order_of_unlabeled_images(rng):
    views, labels = first_batch(METHOD)
    trainer = compiled(FixMatch(network(), threshold=0.4))
    before = trainer.objective(views, labels)[0]
    order = rng.permutation(len(views["weak"]))
    shuffled = {
        name: view if name == "labeled" else tf.gather(view, order)
        for name, view in views.items()
    }
    after = trainer.objective(shuffled, labels)[0]
    np.testing.assert_allclose(before, after, rtol=1e-6)
