"""A trained trainer: its files, its evaluation, its logs, its optimizer.

Each method is trained once, for all tests of this file.
"""

import typing

import keras
import numpy as np
import pytest
from methods import METHODS, Method, arrays, batches, network, weights
from training import assert_same_weights, eager, every_method

from kconsist.callbacks import Resume

STEPS = 2


class Trained(typing.NamedTuple):
    """A method, a trainer that `fit` has trained, and the history."""

    method: Method
    trainer: keras.Model
    examples: tuple
    history: dict


@pytest.fixture(scope="module", params=METHODS)
def trained(request):
    method = METHODS[request.param]
    views, labels = arrays(method, STEPS)
    examples = views[method.trained_on][0], labels[0]
    trainer = eager(method.make(network(batch_norm=True)))
    history = trainer.fit(
        batches(method, STEPS), validation_data=examples, verbose=0
    ).history
    return Trained(method, trainer, examples, history)


def test_training_logs_stay_out_of_validation(trained):
    shared = {"loss", "accuracy"}
    assert set(trained.history) == shared | set(trained.trainer.logs) | {
        f"val_{key}" for key in shared
    }
    scores = trained.trainer.evaluate(
        *trained.examples, verbose=0, return_dict=True
    )
    assert set(scores) == shared


def test_evaluation_calls_the_inference_model_and_changes_nothing(trained):
    trainer, (images, labels) = trained.trainer, trained.examples
    before = weights(trainer)
    expected = trainer.inference_model(images, training=False)
    np.testing.assert_allclose(
        trainer.predict(images, verbose=0), expected, rtol=1e-5, atol=1e-6
    )
    trainer.evaluate(images, labels, verbose=0)
    for a, b in zip(before, weights(trainer), strict=True):
        np.testing.assert_array_equal(a, b)


def test_optimizer_holds_the_students_and_the_heads_variables_only(trained):
    trainer = trained.trainer
    paths = [
        v.path
        for part in (trainer.student, *trainer.heads)
        for v in part.trainable_variables
    ]
    assert {v.path for v in trainer.trainable_variables} == set(paths)
    slots = [v for v in trainer.optimizer.variables if "momentum" in v.path]
    assert len(slots) == len(paths)


def test_state_is_assigned_without_communication(trained):
    """All replicas compute the same values, so each keeps its own."""
    aggregations = {weight.aggregation for weight in trained.trainer.weights}
    assert aggregations == {"none"}


def test_weights_file_restores_all_state(trained, tmp_path):
    path = tmp_path / "trainer.weights.h5"
    trained.trainer.save_weights(path)
    other = network(batch_norm=True, seed=3)
    other = eager(trained.method.make(other))
    other.load_weights(path)
    assert_same_weights(trained.trainer, other)
    for a, b in zip(
        trained.trainer.optimizer.variables,
        other.optimizer.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_loaded_trainer_evaluates_and_trains_as_the_saved_one(
    trained, tmp_path
):
    method, trainer, examples, _ = trained
    trainer.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    assert type(loaded) is type(trainer)
    assert int(loaded.step) == STEPS
    assert loaded.evaluate(*examples, verbose=0) == trainer.evaluate(
        *examples, verbose=0
    )
    for each in (trainer, loaded):
        each.fit(batches(method, STEPS, seed=2), verbose=0)
    assert_same_weights(trainer, loaded)


class Interruption(keras.callbacks.Callback):
    """Ends a run after its first epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


@every_method(fast=["self_tuning"])
def test_a_killed_run_ends_as_one_that_was_not(name, tmp_path):
    method = METHODS[name]

    def train(folder, seed, *interruption):
        resume = Resume(folder)
        student = network(dropout=0.2, batch_norm=True, seed=seed)
        trainer = eager(method.make(student))
        trainer.fit(
            batches(method, STEPS),
            epochs=2,
            initial_epoch=resume.initial_epoch,
            callbacks=[*interruption, resume],
            verbose=0,
        )
        return trainer

    straight = train(tmp_path / "straight", 0)
    with pytest.raises(InterruptedError):
        train(tmp_path / "killed", 0, Interruption())
    resumed = train(tmp_path / "killed", 5)
    for a, b in zip(resumed.variables, straight.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert resumed.history.history == straight.history.history
