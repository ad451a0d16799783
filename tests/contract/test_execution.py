"""Eager steps, a graph, XLA, replicas and float16 train the same."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import METHODS, batches, compiled, network, weights
from training import (
    REORDERED_SUMS,
    assert_same_weights,
    eager,
    every_method,
)

# Each way from a loss to the optimizer, or to a state, that methods have; the
# others differ from one of these in their loss.
WAYS = (
    "adversarial_dropout",
    "debiased_self_training",
    "flexmatch",
    "mean_teacher",
    "meta_pseudo_labels",
    "mixmatch",
    "mutual_mean_teaching",
    "self_tuning",
    "vat",
)


@every_method(("vat",))
def test_eager_graph_and_xla_train_the_same(name):
    method = METHODS[name]
    trained = []
    executions = [{"run_eagerly": True}, {"jit_compile": True}]
    # The test of replicas compares a graph with eager steps for the others.
    executions += [{"jit_compile": False}] if name in WAYS else []
    for options in executions:
        trainer = compiled(
            method.make(network(batch_norm=True, l2=0.01)), **options
        )
        trainer.fit(batches(method), epochs=2, verbose=0)
        trained.append(trainer)
    for other in trained[1:]:
        assert_same_weights(trained[0], other, **REORDERED_SUMS)


@every_method(("mean_teacher", "self_tuning"))  # Its queues are gathered.
def test_two_replicas_train_as_one(name, mirrored):
    method = METHODS[name]
    single = eager(method.make(network(l2=0.01)))
    history = single.fit(batches(method), epochs=2, verbose=0).history
    with mirrored.scope():
        both = compiled(method.make(network(l2=0.01)))
    replicated = both.fit(batches(method), epochs=2, verbose=0).history
    assert_same_weights(single, both, **REORDERED_SUMS)
    assert history.keys() == replicated.keys()
    for key in history:
        np.testing.assert_allclose(
            history[key], replicated[key], rtol=1e-4, atol=1e-6, err_msg=key
        )


def assert_same_path(trainer, reference, start):
    """float16 keeps 11 bits: the path is the float32 one to some 1e-3."""
    students = trainer.student, reference.student
    moved, expected = (
        [a - b for a, b in zip(weights(student), start, strict=True)]
        for student in students
    )
    for a, b in zip(moved, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=5e-3)
    assert max(np.abs(m).max() for m in moved) > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_mixed_float16_trains_alike_by_xla_and_on_replicas(name, mirrored):
    method = METHODS[name]
    reference = eager(method.make(network()))
    reference.fit(batches(method), verbose=0)
    for scope, jit_compile in (
        (contextlib.nullcontext(), True),
        (mirrored.scope(), False),
    ):
        with scope:
            keras.config.set_dtype_policy("mixed_float16")
            student = network()
            keras.config.set_dtype_policy("float32")  # The student's counts.
            start = weights(student)
            trainer = compiled(method.make(student), jit_compile=jit_compile)
        dtypes = record_scaled_losses(trainer.optimizer)
        trainer.fit(batches(method), verbose=0)
        assert dtypes and set(dtypes) == {tf.float32}
        assert_same_path(trainer, reference, start)


def record_scaled_losses(optimizer):
    """Returns a list that the dtype of each scaled loss is added to."""
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    dtypes, scale_loss = [], optimizer.scale_loss

    def spy(loss):
        dtypes.append(loss.dtype)
        return scale_loss(loss)

    optimizer.scale_loss = spy
    return dtypes
