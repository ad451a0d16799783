import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, compiled, network
from training import first_batch

from kconsist import PseudoLabel

METHOD = METHODS["pseudo_label"]


@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
def test_loss_is_the_papers(threshold):
    views, labels = first_batch(METHOD)
    trainer = compiled(
        PseudoLabel(network(), threshold=threshold, consistency_weight=2.0)
    )
    loss, _, logs = trainer.objective(views, labels)
    z = {k: np.array(trainer.student(v), "float64") for k, v in views.items()}
    supervised = oracles.cross_entropy(z["labeled"], labels)
    consistency, rate = oracles.masked_cross_entropy(
        z["weak"], z["weak"], threshold
    )
    np.testing.assert_allclose(logs["mask_rate"], rate)
    np.testing.assert_allclose(logs["consistency_loss"], consistency, rtol=1e-4)
    np.testing.assert_allclose(loss, supervised + 2 * consistency, rtol=1e-4)


def test_confident_example_costs_its_own_surprise():
    logits = tf.constant([[9.0, 0.0, 0.0]])
    trainer = compiled(PseudoLabel(network()))
    value = trainer.consistency_loss(tf.argmax(logits, -1), logits)
    confidence = tf.reduce_max(tf.nn.softmax(logits))
    np.testing.assert_allclose(value, -np.log(confidence), rtol=1e-4)


def test_masked_examples_have_no_gradient_and_kept_ones_have():
    """A mask of shape (n, 1) against losses (n,) would mix the examples."""
    views, labels = first_batch(METHOD)
    trainer = compiled(PseudoLabel(network(), threshold=0.4))
    with tf.GradientTape() as tape:
        tape.watch(views["weak"])
        loss = trainer.objective(views, labels)[2]["consistency_loss"]
    size = np.abs(tape.gradient(loss, views["weak"])).sum(-1)
    confidence = tf.nn.softmax(trainer.student(views["weak"])).numpy().max(-1)
    kept = confidence >= 0.4
    assert 0 < kept.mean() < 1
    np.testing.assert_array_equal(size > 0, kept)
