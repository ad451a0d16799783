"""What labels and their weights change, whatever the method."""

import numpy as np
import pytest
import tensorflow as tf
from methods import CLASSES, METHODS, arrays, batches, network, weights
from training import (
    REORDERED_SUMS,
    assert_same_weights,
    eager,
    every_method,
    method_params,
)

from kconsist import schedules

STEPS = 2
# One method for each way that labels enter an objective.
FAST = (
    "distiller",
    "fixmatch",
    "flexmatch",
    "mixmatch",
    "mutual_mean_teaching",
    "self_trainer_unlabeled",
    "self_tuning",
    "uda",
)


def train(method, element, **options):
    """Trains on batches of views, labels and weights; returns the trainer."""
    trainer = eager(method.make(network()))
    dataset = tf.data.Dataset.from_tensor_slices(element)
    trainer.fit(dataset, verbose=0, **options)
    return trainer


def first_kernels_differ(first, second):
    a, b = (weights(trainer.student)[0] for trainer in (first, second))
    return np.abs(a - b).max() > 1e-4


@every_method(FAST)
def test_without_consistency_it_is_plain_fit(name):
    method = METHODS[name]
    views, labels = arrays(method, STEPS)
    plain = eager(network(l2=0.01))
    plain.fit(
        tf.data.Dataset.from_tensor_slices((views[method.trained_on], labels)),
        epochs=2,
        verbose=0,
    )
    trainer = eager(method.make(network(l2=0.01), **method.without_consistency))
    trainer.fit(batches(method, STEPS), epochs=2, verbose=0)
    assert_same_weights(plain, trainer.student, **REORDERED_SUMS)


@pytest.fixture(scope="module", params=method_params(FAST))
def unweighted(request):
    """A method's name, its arrays, and a trainer without any weights."""
    method = METHODS[request.param]
    views, labels = arrays(method, STEPS)
    return request.param, views, labels, train(method, (views, labels))


def test_examples_of_weight_zero_do_not_change_the_labels_loss(unweighted):
    name, views, labels, trainer = unweighted
    if name == "mutual_mean_teaching":
        pytest.skip("all labels determine which images are triplets")
    weight = np.ones(labels.shape, "float32")
    weight[:, ::2] = 0
    wrong = labels.copy()
    wrong[:, ::2] = (wrong[:, ::2] + 1) % CLASSES
    first, second = (
        train(METHODS[name], (views, values, weight))
        for values in (labels, wrong)
    )
    assert_same_weights(first, second)
    assert first_kernels_differ(first, trainer)


def test_class_weight_counts(unweighted):
    name, views, labels, trainer = unweighted
    other = train(
        METHODS[name], (views, labels), class_weight={0: 5, 1: 0, 2: 1}
    )
    assert first_kernels_differ(trainer, other)


@every_method(FAST)
def test_a_column_of_labels_trains_as_a_row(name):
    method = METHODS[name]
    options = {}
    if name == "uda":
        options["signal_annealing"] = schedules.TrainingSignalAnnealing(
            CLASSES, steps=100
        )
    views, labels = arrays(method, STEPS)
    columns = dict(views)
    if "index" in views:
        columns["index"] = views["index"][..., None]
    weight = np.linspace(0.5, 2.0, labels.size).reshape(labels.shape)
    weight = weight.astype("float32")
    rows = views, labels, weight
    columns = columns, labels[..., None], weight[..., None]
    trained = []
    for form in (rows, columns):
        trainer = eager(method.make(network(batch_norm=True), **options))
        dataset = tf.data.Dataset.from_tensor_slices(form)
        history = trainer.fit(dataset, verbose=0).history
        trained.append((history, trainer))
    (row, by_rows), (column, by_columns) = trained
    assert row == column
    assert_same_weights(by_rows, by_columns)
