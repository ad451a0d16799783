"""Which variables and views the gradient of each method reaches."""

import typing

import numpy as np
import pytest
import tensorflow as tf
from methods import METHODS, batches, compiled, network, weights
from training import agreement, first_batch

TARGETS = {"clean", "unlabeled_clean", "weak", "labeled"}


class Gradients(typing.NamedTuple):
    """The gradients of one objective.

    Attributes:
        agreement: of the agreement term, for each variable it must reach.
        views: of the agreement term, by view.
        teacher: of the whole loss, for each weight of the teacher.
    """

    agreement: list
    views: dict
    teacher: list


@pytest.fixture(scope="module", params=METHODS)
def setup(request):
    """A method and the gradients of its objective on one batch."""
    method = METHODS[request.param]
    trainer = compiled(method.make(network()))
    views, labels = first_batch(method)
    teacher = trainer.teacher.weights if trainer.teacher else []
    teacher = [weight.value for weight in teacher]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([views, teacher])
        loss, _, logs = trainer.objective(views, labels)
        term = agreement(logs)
    variables = getattr(trainer, method.reaches).trainable_variables
    return method, Gradients(
        tape.gradient(term, variables),
        tape.gradient(term, views),
        tape.gradient(loss, teacher),
    )


def test_agreement_reaches_every_variable_of_the_student(setup):
    _, gradients = setup
    for gradient in gradients.agreement:
        assert gradient is not None
        assert float(tf.reduce_max(tf.abs(gradient))) > 1e-6


def test_agreement_reaches_the_learner_and_no_target(setup):
    method, gradients = setup
    reached = {
        view
        for view, gradient in gradients.views.items()
        if gradient is not None and np.abs(gradient).max() > 1e-7
    }
    assert method.learner in reached
    assert not reached & (TARGETS - {method.learner, *method.also_learners})


def test_no_gradient_reaches_a_teacher(setup):
    _, gradients = setup
    if not gradients.teacher:
        pytest.skip("has no teacher")
    assert all(g is None or not np.any(g) for g in gradients.teacher)


@pytest.mark.parametrize(
    "name", [n for n in METHODS if n.startswith(("self_trainer", "distiller"))]
)
def test_no_gradient_changes_a_frozen_teacher(name):
    method = METHODS[name]
    teacher = network(batch_norm=True, dropout=0.3, seed=5)
    flags = [v.trainable for v in teacher.variables]
    before = weights(teacher)
    cls = type(method.make(network()))
    trainer = compiled(cls(network(batch_norm=True), teacher))
    trainer.fit(batches(method), epochs=2, verbose=0)
    for a, b in zip(before, weights(teacher), strict=True):
        np.testing.assert_array_equal(a, b)
    assert teacher.trainable
    assert [v.trainable for v in teacher.variables] == flags
