"""Under which statistics each teacher predicts: its term of the loss by hand.

The networks have BatchNorm with moving statistics far from the batch's, so
that a teacher in the other mode, or on another batch, gives another loss.
"""

import by_hand
import keras
import numpy as np
import oracles
import pytest
from methods import CLASSES, METHODS, arrays, batches, compiled

import kconsist


@pytest.fixture
def one_step(normalized):
    """Makes a step; returns its logs, views, labels and the weights before."""

    def step(name, **options):
        method = METHODS[name]
        trainer = method.make(by_hand.normalized(), **options)
        compiled(trainer, run_eagerly=True)
        start = by_hand.scramble(trainer)
        views, labels = arrays(method, steps=1)
        views = {key: view[0] for key, view in views.items()}
        logs = trainer.fit(batches(method, steps=1), verbose=0).history
        logs = {key: value[0] for key, value in logs.items()}
        return trainer, logs, views, labels[0], start

    return step


def assert_is(value, expected):
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def softmax(rows):
    return np.array([oracles.softmax(row) for row in rows])


@pytest.mark.parametrize("name", ["self_trainer", "self_trainer_unlabeled"])
def test_self_trainer_uses_moving_statistics(name, one_step):
    _, logs, views, _, start = one_step(name, temperature=2.0)
    clean, noisy = (
        np.concatenate([v for key, v in views.items() if key.endswith(kind)])
        for kind in ("clean", "noisy")
    )
    taught = by_hand.logits(start["teacher"], clean, training=False)
    learned = by_hand.logits(start["student"], noisy, training=True)
    expected = 2.0**2 * oracles.divergence(taught, learned, 2.0)
    assert_is(logs["distillation_loss"], expected)


def test_distiller_uses_moving_statistics(one_step):
    _, logs, views, _, start = one_step("distiller", temperature=3.0)
    taught = by_hand.logits(start["teacher"], views["images"], training=False)
    learned = by_hand.logits(start["student"], views["images"], training=True)
    expected = 3.0**2 * oracles.divergence(taught, learned, 3.0)
    assert_is(logs["distillation_loss"], expected)


@pytest.mark.parametrize("training", [True, False])
def test_mean_teacher_uses_the_statistics_of_its_mode(training, one_step):
    options = {} if training else {"batch_norm": "ema"}
    _, logs, views, _, start = one_step(
        "mean_teacher", teacher_training=training, **options
    )
    _, learned = by_hand.together(
        start["student"], views["labeled"], views["strong"]
    )
    taught = by_hand.logits(start["teacher"], views["weak"], training=training)
    expected = oracles.squared_error(taught, learned)
    assert_is(logs["consistency_loss"], expected)


def test_self_ensembling_uses_each_batchs_statistics(one_step):
    _, logs, views, labels, start = one_step("self_ensembling", threshold=0.5)
    labeled, learned = (
        by_hand.logits(start["student"], views[view], training=True)
        for view in ("labeled", "strong")
    )
    taught = by_hand.logits(start["teacher"], views["weak"], training=True)
    kept = softmax(taught).max(-1) > 0.5
    errors = np.mean((softmax(taught) - softmax(learned)) ** 2, -1)
    assert 0 < kept.mean() < 1
    assert_is(logs["mask_rate"], kept.mean())
    assert_is(logs["consistency_loss"], np.mean(kept * errors))
    assert_is(logs["supervised_loss"], oracles.cross_entropy(labeled, labels))


@pytest.mark.parametrize("other", ["student", "peer"])
def test_mutual_averages_use_each_batchs_statistics(other, one_step):
    """`consistency_loss` is the student's; the peer's is within its loss."""
    trainer, logs, views, labels, start = one_step(
        "mutual_mean_teaching", soft_weight=1.0, triplet_weight=0.0
    )
    mine, average = ("first", "second"), "peer_teacher"
    if other == "peer":
        mine, average = ("second", "first"), "teacher"
    learned = by_hand.logits(start[other], views[mine[0]], training=True)
    taught = by_hand.logits(start[average], views[mine[1]], training=True)
    log_q = np.log(softmax(learned))
    expected = -np.mean(np.sum(softmax(taught) * log_q, axis=-1))
    log = "consistency_loss" if other == "student" else "peer_loss"
    assert_is(logs[log], expected)


def test_meta_feedback_uses_the_labeled_batchs_statistics(one_step):
    """h: what the student's step took off its loss on the labels."""
    trainer, logs, views, labels, start = one_step("meta_pseudo_labels")
    after = by_hand.arrays(trainer.student)
    before, after = (
        oracles.cross_entropy(
            by_hand.logits(weights, views["labeled"], training=True), labels
        )
        for weights in (start["student"], after)
    )
    assert abs(before - after) > 1e-2
    np.testing.assert_allclose(logs["feedback"], before - after, rtol=1e-3)


def test_meta_labels_use_the_statistics_of_all_views(one_step):
    _, logs, views, labels, start = one_step(
        "meta_pseudo_labels", sampled=False
    )
    three = [views[view] for view in ("labeled", "weak", "strong")]
    *_, taught = by_hand.together(start["teacher"], *three)
    labeled, learned = by_hand.together(
        start["student"], views["labeled"], views["strong"]
    )
    expected = oracles.cross_entropy(learned, taught.argmax(-1))
    assert_is(logs["consistency_loss"], expected)
    assert_is(logs["supervised_loss"], oracles.cross_entropy(labeled, labels))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_self_tuning_keys_use_their_batchs_statistics(one_step):
    """What the queues hold after a step: labeled keys, then the others."""
    trainer, _, views, labels, start = one_step(
        "self_tuning", queue_length=50, decay=1.0
    )
    _, strong = by_hand.together(
        start["student"], views["labeled"], views["strong"]
    )
    seen = np.concatenate([views["labeled"], views["weak"]])
    kernel, bias = by_hand.arrays(trainer.key_projection)
    features = by_hand.features(start["teacher"], seen, training=True)
    keys = unit(features @ kernel + bias)
    classes = np.concatenate([labels, strong.argmax(-1)])
    queues = np.array(trainer.memory.queues)
    for label in range(CLASSES):
        mine = keys[classes == label]
        assert trainer.memory.pointers[label] == len(mine)
        np.testing.assert_allclose(
            queues[label][: len(mine)], mine, rtol=1e-4, atol=1e-5
        )


def test_distiller_features_use_moving_statistics():
    """Through `keras.distillation`, the teacher is in inference mode too."""
    method = METHODS["distiller"]
    student, teacher = (by_hand.normalized(seed) for seed in (0, 7))
    loss = keras.distillation.LogitsDistillation(
        loss=keras.losses.KLDivergence(), temperature=2.0
    )
    trainer = kconsist.Distiller(student, teacher, distillation_loss=loss)
    compiled(trainer, run_eagerly=True)
    start = by_hand.scramble(trainer)
    logs = trainer.fit(batches(method, steps=1), verbose=0).history
    images = arrays(method, steps=1)[0]["images"][0]
    learned = by_hand.logits(start["student"], images, training=True)
    taught = by_hand.logits(start["teacher"], images, training=False)
    expected = 2.0**2 * oracles.divergence(taught, learned, 2.0)
    assert_is(logs["distillation_loss"][0], expected)
