import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, batches, compiled, network, weights
from training import first_batch

from kconsist import DebiasedSelfTraining

METHOD = METHODS["debiased_self_training"]


def make(**options):
    options = {"width": 12, "dropout": 0.0, **options}
    return compiled(DebiasedSelfTraining(network(), **options))


def gradients(trainer, log, parts):
    """The gradient of a term in all variables of each part, one vector each."""
    views, labels = first_batch(METHOD)
    with tf.GradientTape(persistent=True) as tape:
        loss = trainer.objective(views, labels)[2][log]
    found = []
    for part in parts:
        each = tape.gradient(loss, part.trainable_variables)
        if all(g is None for g in each):
            found.append(None)
        else:
            found.append(np.concatenate([np.ravel(g) for g in each]))
    return found


def test_pseudo_labels_train_only_the_features_and_their_own_head():
    trainer = make(threshold=0.0)
    (main,) = trainer.classifier
    backbone, pseudo, worst, mine = gradients(
        trainer,
        "consistency_loss",
        (trainer.backbone, trainer.pseudo_head, trainer.worst_head, main),
    )
    assert np.abs(backbone).max() > 1e-4 and np.abs(pseudo).max() > 1e-4
    assert worst is None and mine is None


def test_the_worst_head_descends_what_the_features_ascend():
    reversing, plain = make(reversal=0.3), make(reversal=0.3)
    plain.reversed = lambda found: found
    found = []
    for trainer in (reversing, plain):
        trainer.worst_head.set_weights(reversing.worst_head.get_weights())
        (main,) = trainer.classifier
        parts = (
            trainer.worst_head,
            trainer.backbone,
            main,
            trainer.pseudo_head,
        )
        found.append(gradients(trainer, "worst_case_loss", parts))
    (head, backbone, main, pseudo), (plain_head, plain_body, _, _) = found
    np.testing.assert_allclose(head, plain_head, rtol=1e-5)
    np.testing.assert_allclose(
        backbone, -0.3 * plain_body, rtol=1e-4, atol=1e-7
    )
    assert np.abs(head).max() > 1e-4 and np.abs(backbone).max() > 1e-4
    assert main is None and pseudo is None


def test_the_features_feel_the_worst_case_from_the_second_step_on():
    trainer = make()
    (backbone,) = gradients(trainer, "worst_case_loss", (trainer.backbone,))
    assert not np.any(backbone)
    trainer.optimizer.iterations.assign(1000)
    assert float(trainer.value_at_step(trainer.reversal)) == pytest.approx(
        0.0462, rel=1e-3
    )
    (backbone,) = gradients(trainer, "worst_case_loss", (trainer.backbone,))
    assert np.any(backbone)


@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
def test_loss_is_the_papers(threshold):
    views, labels = first_batch(METHOD)
    trainer = make(
        threshold=threshold,
        consistency_weight=3.0,
        worst_case_weight=0.5,
        eta_prime=1.5,
    )
    loss, _, logs = trainer.objective(views, labels)

    def logits_of(network, view):
        found = trainer.backbone(views[view])
        return np.array(network(found), "float64")

    (main,) = trainer.classifier
    labeled, weak = logits_of(main, "labeled"), logits_of(main, "weak")
    consistency, rate = oracles.masked_cross_entropy(
        weak, logits_of(trainer.pseudo_head, "strong"), threshold
    )
    worst = 1.5 * oracles.cross_entropy(
        logits_of(trainer.worst_head, "labeled"), labeled.argmax(-1)
    )
    for row, prediction in zip(
        logits_of(trainer.worst_head, "weak"), weak.argmax(-1), strict=True
    ):
        worst -= np.log(1 - oracles.softmax(row)[prediction]) / len(weak)
    expected = oracles.cross_entropy(labeled, labels)
    expected += 3 * consistency + 0.5 * worst
    np.testing.assert_allclose(logs["mask_rate"], rate)
    np.testing.assert_allclose(logs["consistency_loss"], consistency, rtol=1e-4)
    np.testing.assert_allclose(logs["worst_case_loss"], worst, rtol=1e-4)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_heads_train_and_do_not_predict():
    trainer = make(threshold=0.0)
    before = [weights(head) for head in trainer.heads]
    trainer.fit(batches(METHOD), verbose=0)
    for head, start in zip(trainer.heads, before, strict=True):
        for a, b in zip(weights(head), start, strict=True):
            assert np.abs(a - b).max() > 1e-6
    predicting = {id(v) for v in trainer.inference_model.weights}
    assert not predicting & {id(v) for h in trainer.heads for v in h.weights}
    assert trainer.inference_model.count_params() == network().count_params()


def test_dropout_is_in_the_heads_while_they_train():
    views, labels = first_batch(METHOD)
    trainer = make(dropout=0.5)
    first, second = (
        float(trainer.objective(views, labels)[2]["worst_case_loss"])
        for _ in range(2)
    )
    assert first != second
