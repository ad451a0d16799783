import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, batches, compiled, network, weights
from training import first_batch

from kconsist import MeanTeacher, schedules

METHOD = METHODS["mean_teacher"]


def test_loss_is_the_papers():
    views, labels = first_batch(METHOD)
    trainer = compiled(MeanTeacher(network(), consistency_weight=7.0))
    loss, logits, logs = trainer.objective(views, labels)
    z = {k: np.array(trainer.student(v), "float64") for k, v in views.items()}
    supervised = oracles.cross_entropy(z["labeled"], labels)
    consistency = oracles.squared_error(z["weak"], z["strong"])
    np.testing.assert_allclose(logits, z["labeled"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logs["consistency_loss"], consistency, rtol=1e-4)
    np.testing.assert_allclose(loss, supervised + 7 * consistency, rtol=1e-4)


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_limits_of_the_decay(decay):
    student = network()
    trainer = compiled(MeanTeacher(student, decay=decay, warmup=None))
    start = weights(student)
    trainer.fit(batches(METHOD), verbose=0)
    expected = start if decay else weights(student)
    for a, b in zip(expected, weights(trainer.teacher), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("policy", ["own", "copy", "ema"])
def test_policy_of_batch_norm(policy):
    decay, views = 0.9, first_batch(METHOD)[0]
    student = network(batch_norm=True)
    trainer = compiled(
        MeanTeacher(student, decay=decay, warmup=None, batch_norm=policy)
    )
    hidden = trainer.teacher.layers[0](views["weak"])
    own = 0.1 * np.mean(hidden, 0)  # Momentum 0.9 from a mean of 0.
    trainer.fit(batches(METHOD, steps=1), verbose=0)
    mine = np.array(student.layers[1].moving_mean)
    found = np.array(trainer.teacher.layers[1].moving_mean)
    expected = {"own": own, "copy": mine, "ema": (1 - decay) * mine}[policy]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert np.abs(found).max() > 0


def test_teacher_uses_batch_statistics_and_noise():
    views, labels = first_batch(METHOD)
    trainer = compiled(MeanTeacher(network(batch_norm=True, dropout=0.5)))
    first, second = (trainer.teacher_logits(views["weak"], True) for _ in "12")
    assert np.abs(first - second).max() > 1e-3


def test_teacher_in_inference_mode_is_still():
    views, labels = first_batch(METHOD)
    trainer = compiled(
        MeanTeacher(
            network(batch_norm=True, dropout=0.5),
            batch_norm="copy",
            teacher_training=False,
        )
    )
    before = weights(trainer.teacher)
    first = trainer.objective(views, labels)[2]["consistency_loss"]
    for a, b in zip(before, weights(trainer.teacher), strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(first) > 0


def test_weight_follows_its_schedule():
    views, labels = first_batch(METHOD)
    trainer = compiled(
        MeanTeacher(
            network(), consistency_weight=schedules.LinearRampUp(8.0, steps=4)
        ),
        keras.optimizers.SGD(0.0),
    )
    dataset = tf.data.Dataset.from_tensors((views, labels))
    for step in range(6):
        logs = trainer.fit(dataset, verbose=0).history
        weight = 8.0 * min(step / 4, 1)
        expected = logs["supervised_loss"][0]
        expected += weight * logs["consistency_loss"][0]
        assert logs["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_teacher_predicts():
    trainer = compiled(MeanTeacher(network()))
    assert trainer.inference_model is trainer.teacher
