"""Trains the methods on their tiny batches, and compares the results."""

import numpy as np
import pytest
import tensorflow as tf
from methods import METHODS, arrays, compiled, weights

# The same float32 sums in another order: XLA, replicas, one step or several.
REORDERED_SUMS = dict(rtol=1e-4, atol=2e-6)
AGREEMENT_LOGS = ("consistency_loss", "distillation_loss", "confusion_loss")


def method_params(fast=METHODS):
    """Returns the names of all methods; those not in `fast` are slow."""
    return [
        pytest.param(name, marks=() if name in fast else pytest.mark.slow)
        for name in METHODS
    ]


def every_method(fast=METHODS):
    """Parametrizes a test by method; those not in `fast` are marked slow."""
    return pytest.mark.parametrize("name", method_params(fast))


def eager(trainer, **options):
    """Compiles a trainer that runs eagerly: tracing costs more than few steps.

    `contract/test_execution.py` compares eager steps with those of a graph.
    """
    return compiled(trainer, run_eagerly=True, **options)


def first_batch(method):
    """Returns the views and labels of one batch, as tensors."""
    views, labels = arrays(method, steps=1)
    views = {name: tf.constant(view[0]) for name, view in views.items()}
    return views, tf.constant(labels[0])


def agreement(logs):
    """Returns the term of the loss that compares predictions."""
    return next(logs[name] for name in AGREEMENT_LOGS if name in logs)


def assert_same_weights(first, second, rtol=0, atol=0):
    """Compares the weights of two models, bit for bit by default."""
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
