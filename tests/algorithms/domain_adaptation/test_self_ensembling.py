import numpy as np
import oracles
import pytest
from methods import CLASSES, METHODS, batches, compiled, network, weights
from training import first_batch

from kconsist import SelfEnsembling, schedules

METHOD = METHODS["self_ensembling"]


@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
def test_loss_is_the_papers(threshold):
    views, labels = first_batch(METHOD)
    trainer = compiled(
        SelfEnsembling(
            network(),
            threshold=threshold,
            consistency_weight=2.0,
            balance_weight=0.1,
        )
    )
    for weight in trainer.teacher.weights:
        weight.assign(weight * 1.5)
    loss, _, logs = trainer.objective(views, labels)

    source = np.array(trainer.student(views["labeled"]), "float64")
    learned = np.array(trainer.student(views["strong"]), "float64")
    taught = np.array(trainer.teacher(views["weak"]), "float64")
    consistency, kept = 0.0, 0
    for a, b in zip(taught, learned, strict=True):
        p, q = oracles.softmax(a), oracles.softmax(b)
        if p.max() > threshold:
            consistency += np.mean((p - q) ** 2) / len(taught)
            kept += 1
    mean = np.mean([oracles.softmax(row) for row in learned], axis=0)
    entropy = [
        -np.log(p) / CLASSES - np.log(1 - p) * (1 - 1 / CLASSES) for p in mean
    ]
    balance = np.mean(entropy) * kept / len(taught)
    expected = oracles.cross_entropy(source, labels)
    expected += 2 * (consistency + 0.1 * CLASSES * balance)
    np.testing.assert_allclose(logs["mask_rate"], kept / len(taught))
    np.testing.assert_allclose(
        logs["consistency_loss"], consistency, rtol=1e-4, atol=1e-8
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_balance_weight_may_be_a_schedule():
    views, labels = first_batch(METHOD)
    found = []
    for weight in (0.1, schedules.LinearRampUp(0.2, steps=10)):
        trainer = SelfEnsembling(
            network(), threshold=0.0, balance_weight=weight
        )
        trainer = compiled(SelfEnsembling.from_config(trainer.get_config()))
        for variable in trainer.student.weights:
            variable.assign(np.full(variable.shape, 0.1))
        trainer.optimizer.iterations.assign(5)
        found.append(float(trainer.objective(views, labels)[0]))
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_nothing_confident_trains_only_on_the_labels():
    trainer = compiled(SelfEnsembling(network(), threshold=1.0))
    other = compiled(SelfEnsembling(network(), consistency_weight=0.0))
    for each in (trainer, other):
        each.fit(batches(METHOD), verbose=0)
    for a, b in zip(weights(trainer), weights(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_domains_keep_their_own_batch_statistics():
    views, labels = first_batch(METHOD)
    trainer = compiled(SelfEnsembling(network(batch_norm=True)))
    before = np.array(trainer.objective(views, labels)[1])
    views["strong"] = views["strong"] * 10 + 3
    np.testing.assert_allclose(
        before, trainer.objective(views, labels)[1], rtol=1e-5, atol=1e-6
    )
