import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, compiled, network
from training import first_batch

from kconsist import AdversarialDropout, distribute

METHOD = METHODS["adversarial_dropout"]


def make(**options):
    return compiled(AdversarialDropout(network(), **options))


def plain(trainer, views, labels):
    """The two terms, with no gradient turned."""
    source, target = (trainer.backbone(views[k]) for k in ("labeled", "weak"))
    supervised = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, trainer.sample(source, 0)
        )
    )
    first, second = (
        tf.nn.log_softmax(trainer.sample(target, k)) for k in (1, 2)
    )
    gap = (tf.exp(first) - tf.exp(second)) * (first - second)
    return supervised, tf.reduce_mean(tf.reduce_sum(gap, -1)) / 2


def test_the_classifier_ascends_what_the_features_descend():
    views, labels = first_batch(METHOD)
    trainer = make(consistency_weight=0.5, reversal=3.0)
    with tf.GradientTape(persistent=True) as tape:
        loss = trainer.objective(views, labels)[0]
        supervised, disagreement = plain(trainer, views, labels)
    (classifier,) = trainer.classifier_layers
    for part, factor in ((classifier, -0.5), (trainer.backbone, 0.5 * 3.0)):
        variables = part.trainable_variables
        for found, right, apart in zip(
            tape.gradient(loss, variables),
            tape.gradient(supervised, variables),
            tape.gradient(disagreement, variables),
            strict=True,
        ):
            assert np.abs(apart).max() > 1e-4
            np.testing.assert_allclose(
                found, right + factor * apart, rtol=1e-4, atol=1e-6
            )


def test_loss_is_the_papers():
    views, labels = first_batch(METHOD)
    trainer = make(rate=0.3, consistency_weight=0.5, seed=2)
    loss, _, logs = trainer.objective(views, labels)
    (classifier,) = trainer.classifier_layers
    kernel, bias = (np.array(w, "float64") for w in classifier.weights)

    def sample(view, number):
        found = np.array(trainer.backbone(views[view]), "float64")
        uniform = distribute.stateless_uniform(found.shape, (6 + number, 0))
        kept = np.array(uniform) >= 0.3
        return (found * kept / 0.7) @ kernel + bias

    supervised = oracles.cross_entropy(sample("labeled", 0), labels)
    first, second = sample("weak", 1), sample("weak", 2)
    disagreement = oracles.divergence(first, second)
    disagreement += oracles.divergence(second, first)
    disagreement /= 2
    np.testing.assert_allclose(
        logs["consistency_loss"], disagreement, rtol=1e-4
    )
    np.testing.assert_allclose(loss, supervised - disagreement / 2, rtol=1e-4)


def test_dropout_keeps_its_share_and_its_mean():
    trainer = make(rate=0.25)
    (classifier,) = trainer.classifier_layers
    classifier.set_weights([np.eye(10, 3), np.zeros(3)])
    found = np.array(trainer.sample(tf.ones((20_000, 10)), 0))
    np.testing.assert_allclose(np.unique(found), [0, 1 / 0.75], rtol=1e-6)
    np.testing.assert_allclose(found.mean(0), 1, atol=0.02)


def test_draws_are_new_for_each_sample_step_and_seed():
    ones = tf.ones((8, 10))
    trainer, other = make(), make(seed=1)
    first = np.array(trainer.sample(ones, 0))
    np.testing.assert_array_equal(first, trainer.sample(ones, 0))
    assert np.any(first != trainer.sample(ones, 1))
    assert np.any(first != other.sample(ones, 0))
    trainer.optimizer.iterations.assign(1)
    assert np.any(first != trainer.sample(ones, 0))


def test_without_dropout_predictions_agree():
    logs = make(rate=0.0).objective(*first_batch(METHOD))[2]
    assert abs(float(logs["consistency_loss"])) < 1e-6


def test_a_classifier_of_several_layers():
    student = network()
    trainer = compiled(
        AdversarialDropout(student, classifier=student.layers[1].name)
    )
    assert trainer.classifier_layers == student.layers[1:]
    assert len(trainer.backbone.trainable_variables) == 2
    copy = AdversarialDropout.from_config(trainer.get_config())
    assert len(copy.classifier_layers) == 2


def test_rate_of_one_is_refused():
    with pytest.raises(ValueError, match=r"rate must be in \[0, 0.99\]"):
        make(rate=1.0)
