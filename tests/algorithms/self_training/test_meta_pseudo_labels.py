import itertools

import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, compiled, network, weights
from training import first_batch

from kconsist import MetaPseudoLabels, targets

METHOD = METHODS["meta_pseudo_labels"]
CLASSES, LABELED, UNLABELED, RATE = 3, 4, 2, 0.5


def linear(seed):
    keras.utils.set_random_seed(seed)
    layer = keras.layers.Dense(CLASSES, use_bias=False)
    return keras.Sequential([keras.Input((2,)), layer])


class ChosenLabels(MetaPseudoLabels):
    """Takes pseudo-labels that the test has chosen."""

    def pseudo_labels(self, logits):
        return tf.constant(self.chosen)


def toy(chosen=(0, 2), cls=ChosenLabels, **options):
    options = {"uda_weight": 0.0, "baseline_decay": 1.0, **options}
    optimizer = keras.optimizers.SGD(1.0)
    trainer = cls(linear(0), linear(1), optimizer, **options)
    trainer.chosen = list(chosen)
    return compiled(trainer, keras.optimizers.SGD(RATE))


def toy_batch():
    rng = np.random.default_rng(0)
    views = {
        "labeled": rng.normal(size=(LABELED, 2)),
        "weak": rng.normal(size=(UNLABELED, 2)),
        "strong": rng.normal(size=(UNLABELED, 2)),
    }
    return views, np.array([0, 1, 2, 1])


def in_float32(views, labels):
    views = {k: tf.constant(v, "float32") for k, v in views.items()}
    return views, tf.constant(labels)


def kernel(model):
    return np.array(model.weights[0], "float64")


def student_after(student, views, chosen):
    """A step of gradient descent on the pseudo-labels, in closed form."""
    gradient = np.zeros_like(student)
    for x, label in zip(views["strong"], chosen, strict=True):
        error = oracles.softmax(x @ student) - np.eye(CLASSES)[label]
        gradient += np.outer(x, error) / UNLABELED
    return student - RATE * gradient


def labeled_loss(student, views, labels):
    return oracles.cross_entropy(views["labeled"] @ student, labels)


@pytest.mark.parametrize("chosen", [(0, 2), (1, 1)])
def test_feedback_is_the_change_of_the_loss_by_hand(chosen):
    views, labels = toy_batch()
    trainer = toy(chosen)
    start = kernel(trainer.student)
    loss, _, logs = trainer.update(*in_float32(views, labels))
    after = student_after(start, views, chosen)
    np.testing.assert_allclose(kernel(trainer.student), after, rtol=1e-4)
    expected = labeled_loss(start, views, labels)
    expected -= labeled_loss(after, views, labels)
    np.testing.assert_allclose(logs["feedback"], expected, rtol=1e-3)
    assert abs(expected) > 1e-2
    chosen_loss = oracles.cross_entropy(views["strong"] @ start, chosen)
    np.testing.assert_allclose(loss, chosen_loss, rtol=1e-4)


def test_teacher_descends_the_students_next_loss():
    """The mean over all labels that may be sampled, against differences.

    One pass per pair of labels; without the term of the labels themselves.
    """
    views, labels = toy_batch()
    batch = in_float32(views, labels)
    still = toy(consistency_weight=0.0)  # The student rests: h is 0.
    start, student = kernel(still.teacher), kernel(still.student)
    still.update(*batch)
    supervised = kernel(still.teacher) - start
    pairs = list(itertools.product(range(CLASSES), repeat=UNLABELED))

    def chance(teacher, chosen):
        return np.prod(
            [
                oracles.softmax(x @ teacher)[label]
                for x, label in zip(views["strong"], chosen, strict=True)
            ]
        )

    mean = np.zeros_like(start)
    for chosen in pairs:
        trainer = toy(chosen)
        trainer.update(*batch)
        change = kernel(trainer.teacher) - start - supervised
        mean += chance(start, chosen) * change

    def next_loss(teacher):
        return sum(
            chance(teacher, chosen)
            * labeled_loss(student_after(student, views, chosen), views, labels)
            for chosen in pairs
        )

    slope = np.zeros_like(start)
    for index in np.ndindex(start.shape):
        step = np.zeros_like(start)
        step[index] = 1e-5
        difference = next_loss(start + step) - next_loss(start - step)
        slope[index] = difference / 2e-5
    # The loss of the labels is a mean over the images, not their sum.
    np.testing.assert_allclose(mean, -slope / UNLABELED, rtol=2e-3, atol=1e-6)
    assert np.abs(slope).max() > 1e-3


def test_loss_of_the_teacher_is_the_papers():
    views, labels = first_batch(METHOD)
    trainer = compiled(
        METHOD.make(
            network(),
            sampled=False,
            uda_weight=3.0,
            temperature=0.5,
            baseline_decay=0.9,
        )
    )
    z = {k: np.array(trainer.teacher(v), "float64") for k, v in views.items()}
    _, _, logs = trainer.update(views, labels)
    uda = 0.0
    for weak, strong in zip(z["weak"], z["strong"], strict=True):
        # The authors' code looks at the prediction after it is sharpened.
        p, q = oracles.softmax(weak, 0.5), oracles.softmax(strong)
        if p.max() >= trainer.threshold:
            uda += sum(p * np.log(p / q)) / len(z["weak"])
    meta = oracles.cross_entropy(z["strong"], z["strong"].argmax(-1))
    feedback = float(logs["feedback"])
    # The mean has moved by a tenth before it is taken off.
    expected = oracles.cross_entropy(z["labeled"], labels) + 3 * uda
    expected += 0.9 * feedback * meta
    np.testing.assert_allclose(logs["teacher_loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(trainer.baseline, 0.1 * feedback, rtol=1e-5)
    assert uda > 1e-3 and abs(0.9 * feedback * meta) > 1e-3


def test_no_gradient_passes_between_the_networks():
    views, labels = in_float32(*toy_batch())
    trainer = toy(cls=MetaPseudoLabels)
    with tf.GradientTape() as tape:
        loss = trainer.objective(views, labels)[0]
        loss += trainer.labeled_loss(views, labels)
    assert tape.gradient(loss, trainer.teacher.weights[0].value) is None


def test_samples_follow_the_teachers_predictions():
    trainer = toy(cls=MetaPseudoLabels)
    logits = np.tile([[2.0, 0.0, 1.0]], (4000, 1)).astype("float32")
    shares = np.bincount(trainer.pseudo_labels(logits), minlength=3) / 4000
    # Four standard deviations of a share are at most 0.032.
    np.testing.assert_allclose(shares, oracles.softmax(logits[0]), atol=0.032)
    first = np.array(trainer.pseudo_labels(logits))
    trainer.optimizer.iterations.assign(1)
    assert np.any(first != trainer.pseudo_labels(logits))
    trainer.sampled = False
    np.testing.assert_array_equal(trainer.pseudo_labels(logits), 0)


def test_passes_that_are_compared_drop_the_same_units():
    """At rate 0 nothing changes, so that the feedback is exactly 0."""
    views, labels = first_batch(METHOD)
    student = network(batch_norm=True, dropout=0.5)
    trainer = compiled(METHOD.make(student), keras.optimizers.SGD(0.0))
    dropped = trainer.labeled_loss(views, labels)
    logits = student(views["labeled"], training=False)
    still = oracles.cross_entropy(np.array(logits), labels)
    assert abs(float(dropped) - still) > 1e-3
    assert float(trainer.update(views, labels)[2]["feedback"]) == 0.0


def test_slots_of_the_teachers_optimizer_come_back(tmp_path):
    views, labels = first_batch(METHOD)
    trainer = compiled(METHOD.make(network()))
    trainer.update(views, labels)
    trainer.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    slots, found = (
        [np.array(v) for v in each.teacher_optimizer.variables]
        for each in (trainer, loaded)
    )
    for a, b in zip(slots, found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert slots[0] == 1 and any(np.abs(s).max() > 1e-4 for s in slots[2:])


def test_scaled_teacher_learns_as_an_unscaled_one():
    views, labels = first_batch(METHOD)
    reference = compiled(METHOD.make(network(), sampled=False))
    keras.config.set_dtype_policy("mixed_float16")
    trainer = compiled(METHOD.make(network(), sampled=False))
    optimizer = trainer.teacher_optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    for each in (reference, trainer):
        each.update(views, labels)
    # float16 keeps 11 bits.
    for a, b in zip(
        weights(reference.teacher), weights(trainer.teacher), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=5e-3)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"threshold": 2}, r"threshold must be in \[0, 1\]"),
        ({"temperature": 0}, "temperature must be a positive number"),
        ({"baseline_decay": 1.5}, r"baseline_decay must be in \[0, 1\]"),
        ({"uda_weight": -1}, "uda_weight must be a number of 0 or more"),
    ],
)
def test_wrong_options(options, words):
    with pytest.raises(ValueError, match=words):
        METHOD.make(network(), **options)


def test_teacher_with_nothing_to_train():
    teacher = network(seed=7)
    teacher.trainable = False
    with pytest.raises(ValueError, match="teacher .* has nothing to train"):
        MetaPseudoLabels(network(), teacher, "sgd")


def test_uda_keeps_what_is_confident_after_sharpening():
    trainer = toy(uda_weight=1.0, threshold=0.6, temperature=0.7)
    strong = np.zeros((1, 2), "float32")
    # softmax([z, 0]) is 0.55, and 0.571 where z is divided by 0.7.
    for p, kept in ((0.55, False), (0.58, True)):
        weak = np.array([[np.log(p / (1 - p)), 0.0]], "float32")
        assert (float(trainer.uda(weak, strong)) > 0) == kept


def test_uda_keeps_an_image_at_the_threshold():
    trainer = toy(uda_weight=1.0, threshold=0.5, temperature=0.7)
    weak, strong = np.zeros((1, 2), "float32"), np.array([[1.0, 0.0]])
    assert float(trainer.uda(weak, strong.astype("float32"))) > 0


def test_target_of_uda_is_sharpened():
    trainer = toy(uda_weight=1.0, threshold=0.0, temperature=0.5)
    weak, strong = np.array([[[1.0, 0, 0]], [[0.0, 1, 0]]], "float32")
    p = np.array(targets.soft_targets(weak, 0.5), "float64")[0]
    expected = sum(p * np.log(p / oracles.softmax(strong[0])))
    np.testing.assert_allclose(trainer.uda(weak, strong), expected, rtol=1e-5)
