import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import CLASSES, METHODS, batches, compiled, network, weights
from training import first_batch

from kconsist import SelfTuning

METHOD = METHODS["self_tuning"]


def make(**options):
    options = {"projection_size": 5, "queue_length": 3, **options}
    return compiled(SelfTuning(network(), **options))


def test_contrast_trains_only_the_features_and_the_projection():
    views, labels = first_batch(METHOD)
    trainer = make()
    (main,) = trainer.classifier
    averages = [
        v.value
        for v in (*trainer.teacher.weights, *trainer.key_projection.weights)
    ]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(averages)
        loss = trainer.objective(views, labels)[2]["consistency_loss"]
    for part in (trainer.backbone, trainer.projection):
        for gradient in tape.gradient(loss, part.trainable_variables):
            assert np.abs(gradient).max() > 1e-5
    others = [*averages, *main.trainable_variables]
    assert all(g is None for g in tape.gradient(loss, others))


def unit(rows):
    return [np.array(row) / np.linalg.norm(row) for row in rows]


def contrast(queries, keys, queues, labels, temperature):
    """KL of 1 / (K + 1) on the positives from the softmax (equation 5)."""
    total, (classes, length, _) = 0.0, np.shape(queues)
    for query, key, label in zip(queries, keys, labels, strict=True):
        every, positive = [query @ key], [True]
        for c in range(classes):
            for k in range(length):
                every.append(query @ queues[c][k])
                positive.append(c == label)
        p = oracles.softmax(np.array(every), temperature)
        share = 1 / (length + 1)
        for mine, counts in zip(p, positive, strict=True):
            total += share * np.log(share / mine) if counts else 0
    return total / len(queries)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_loss_is_the_papers(temperature):
    views, labels = first_batch(METHOD)
    trainer = make(temperature=temperature, consistency_weight=2.0)
    for weight in (*trainer.teacher.weights, *trainer.key_projection.weights):
        weight.assign(weight * 1.3 + 0.1)
    queues = np.array(trainer.memory.queues, "float64")
    loss, _, logs = trainer.objective(views, labels)

    def project(backbone, projection, view):
        return unit(np.array(projection(backbone(views[view])), "float64"))

    mine = trainer.backbone, trainer.projection
    average = trainer.key_backbone, trainer.key_projection
    z = {k: np.array(trainer.student(v), "float64") for k, v in views.items()}
    keys = project(*average, "labeled")
    labeled = contrast(
        project(*mine, "labeled"), keys, queues, labels, temperature
    )
    writes = [0] * CLASSES
    for key, label in zip(keys, np.array(labels), strict=True):
        queues[label][writes[label] % 3] = key
        writes[label] += 1
    unlabeled = contrast(
        project(*mine, "strong"),
        project(*average, "weak"),
        queues,
        z["strong"].argmax(-1),
        temperature,
    )
    supervised = oracles.cross_entropy(z["labeled"], labels)
    np.testing.assert_allclose(
        logs["labeled_contrast_loss"], labeled, rtol=1e-4
    )
    np.testing.assert_allclose(logs["consistency_loss"], unlabeled, rtol=1e-4)
    np.testing.assert_allclose(
        loss, supervised + 2 * (labeled + unlabeled), rtol=1e-4
    )


def test_a_class_of_its_own_in_the_queues_costs_nothing():
    trainer = make(projection_size=10, temperature=0.01)
    trainer.projection.set_weights([np.eye(10), np.zeros(10)])
    found = np.eye(10, dtype="float32")[:CLASSES]
    trainer.memory.queues.assign(np.repeat(found[:, None], 3, axis=1))
    labels = np.arange(CLASSES)
    assert float(trainer.contrast(found, found, labels)) == pytest.approx(
        0, abs=1e-6
    )
    wrong = float(trainer.contrast(found, found, (labels + 1) % CLASSES))
    # Of the four positives only its own key is near, as are three negatives.
    assert wrong > 10


def test_averages_move_once_a_step():
    trainer = make(decay=0.7)
    pairs = [
        (trainer.teacher, trainer.student),
        (trainer.key_projection, trainer.projection),
    ]
    before = [weights(average) for average, _ in pairs]
    trainer.fit(batches(METHOD, steps=1), verbose=0)
    for (average, mine), start in zip(pairs, before, strict=True):
        for old, new, value in zip(
            start, weights(average), weights(mine), strict=True
        ):
            np.testing.assert_allclose(
                new, 0.7 * old + 0.3 * value, rtol=1e-5, atol=1e-7
            )
            assert np.abs(new - old).max() > 1e-5


def test_each_step_queues_its_labeled_and_its_other_images():
    views, labels = first_batch(METHOD)
    trainer = make(queue_length=50)
    trainer.objective(views, labels)
    pseudo_labels = np.array(trainer.student(views["strong"])).argmax(-1)
    expected = np.bincount(labels, minlength=CLASSES)
    expected += np.bincount(pseudo_labels, minlength=CLASSES)
    np.testing.assert_array_equal(trainer.memory.pointers, expected)
    lengths = np.linalg.norm(trainer.memory.queues, axis=-1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_queues_take_labeled_keys_before_the_others():
    """First in, first out: labeled images, then the others, in their order."""
    views, labels = first_batch(METHOD)
    trainer = make(queue_length=5)
    queues = np.array(trainer.memory.queues, "float64")
    trainer.objective(views, labels)
    pseudo_labels = np.array(trainer.student(views["strong"])).argmax(-1)
    writes = [0] * CLASSES
    for view, classes in ("labeled", labels), ("weak", pseudo_labels):
        keys = unit(
            np.array(
                trainer.key_projection(trainer.key_backbone(views[view])),
                "float64",
            )
        )
        for key, label in zip(keys, np.array(classes), strict=True):
            queues[label][writes[label] % 5] = key
            writes[label] += 1
    assert max(writes) > 5 and sum(writes) == 24
    np.testing.assert_allclose(
        trainer.memory.queues, queues, rtol=1e-4, atol=1e-6
    )
    np.testing.assert_array_equal(trainer.memory.pointers, np.array(writes) % 5)


def test_labels_of_weight_zero_stay_out_of_the_queues():
    views, labels = first_batch(METHOD)
    trainer = make(queue_length=50)
    trainer.objective(views, labels, tf.zeros(len(labels)))
    assert np.array(trainer.memory.pointers).sum() == len(views["strong"])


def test_the_average_sees_each_view_under_its_batchs_statistics():
    views, labels = first_batch(METHOD)
    trainer = compiled(SelfTuning(network(batch_norm=True), projection_size=5))
    trainer.objective(views, labels)
    seen = np.concatenate([views["labeled"], views["weak"]])
    hidden = np.array(trainer.teacher.layers[0](seen))
    np.testing.assert_allclose(
        trainer.teacher.layers[1].moving_mean,
        0.1 * hidden.mean(0),
        rtol=1e-4,
        atol=1e-6,
    )


def test_features_that_dropout_zeroes_give_no_nan():
    """A zero feature projects to the bias, which starts at 0 as well."""
    student = network(dropout=0.9)
    trainer = compiled(SelfTuning(student, projection_size=5, queue_length=3))
    features = trainer.backbone(
        first_batch(METHOD)[0]["labeled"], training=True
    )
    assert np.any(np.all(np.array(features) == 0, axis=-1))
    trainer.fit(batches(METHOD, steps=4), verbose=0)
    assert all(np.isfinite(w).all() for w in weights(trainer))
