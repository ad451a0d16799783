"""An average moves where the optimizer has made a step, and only there."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import METHODS, arrays, batches, compiled, network, weights

AVERAGES = (
    "mean_teacher",
    "fixmatch_average",
    "flexmatch",
    "mixmatch",
    "mutual_mean_teaching",
    "self_ensembling",
    "self_tuning",
    "uda",
)
WARMED_UP = {"mean_teacher": "mean", "uda": "num_updates"}


class Path(keras.callbacks.Callback):
    """Records the student's and the average's parameters after each batch."""

    def on_train_begin(self, logs=None):
        self.students, self.teachers = [], []

    def on_train_batch_end(self, batch, logs=None):
        for network_, found in (
            (self.model.student, self.students),
            (self.model.teacher, self.teachers),
        ):
            found.append(
                [
                    w
                    for w, v in zip(
                        weights(network_),
                        self.model.student.weights,
                        strict=True,
                    )
                    if v.trainable
                ]
            )


def accumulating(rate=0.1, steps=2):
    return keras.optimizers.SGD(rate, gradient_accumulation_steps=steps)


@pytest.mark.parametrize("name", AVERAGES)
def test_average_moves_once_for_each_accumulated_step(name):
    method = METHODS[name]
    trainer = compiled(method.make(network()), accumulating(), run_eagerly=True)
    average, path = weights(trainer.teacher), Path()
    trainer.fit(batches(method, steps=6), callbacks=[path], verbose=0)
    warmup = WARMED_UP.get(name)
    warmup = "mean" if name == "mutual_mean_teaching" else warmup
    updates = 0
    for batch, student in enumerate(path.students):
        if batch % 2 == 1:
            alpha = {
                None: 0.9,
                "mean": min(0.9, 1 - 1 / (updates + 1)),
                "num_updates": min(0.9, (1 + updates) / (10 + updates)),
            }[warmup]
            updates += 1
            average = [
                alpha * a + (1 - alpha) * s
                for a, s in zip(average, student, strict=True)
            ]
        for expected, got in zip(average, path.teachers[batch], strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    assert np.abs(path.students[0][0] - path.students[-1][0]).max() > 1e-4


def test_peers_average_follows_its_own_optimizer():
    method = METHODS["mutual_mean_teaching"]
    trainer = compiled(method.make(network()), accumulating(), run_eagerly=True)
    trainer.fit(batches(method, steps=3), verbose=0)
    assert int(trainer.num_updates) == 1
    assert int(trainer.num_peer_updates) == 3


@pytest.mark.slow
def test_accumulating_in_a_graph_is_as_in_eager_steps():
    method = METHODS["mean_teacher"]
    trained = []
    for options in ({"run_eagerly": True}, {}, {"jit_compile": True}):
        trainer = compiled(method.make(network()), accumulating(), **options)
        trainer.fit(batches(method, steps=6), verbose=0)
        trained.append(trainer)
    for other in trained[1:]:
        for a, b in zip(weights(trained[0]), weights(other), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)


def overflowing(trainer):
    """Compiles with a loss scale so large that the first steps are skipped."""
    sgd = keras.optimizers.SGD(0.05)
    optimizer = keras.optimizers.LossScaleOptimizer(sgd, initial_scale=2.0**30)
    return compiled(trainer, optimizer)


@pytest.mark.parametrize("name", [*WARMED_UP, "fixmatch_average"])
def test_skipped_steps_leave_the_average_where_it_is(name):
    method = METHODS[name]
    keras.config.set_dtype_policy("mixed_float16")
    student = network()
    keras.config.set_dtype_policy("float32")
    trainer = overflowing(method.make(student))
    before = weights(trainer.teacher)
    trainer.fit(batches(method, steps=1), verbose=0)
    assert int(trainer.step) == 0
    for a, b in zip(before, weights(trainer.teacher), strict=True):
        np.testing.assert_array_equal(a, b)
    trainer.fit(batches(method, steps=40), verbose=0)
    assert 10 <= int(trainer.step) < 40
    for value in weights(trainer.teacher):
        assert np.isfinite(value).all()
    moved = weights(trainer.teacher)[0] - before[0]
    assert np.abs(moved).max() > 1e-4


def test_skipped_steps_leave_both_averages_finite():
    method = METHODS["mutual_mean_teaching"]
    keras.config.set_dtype_policy("mixed_float16")
    student, peer = network(), network(seed=7)
    keras.config.set_dtype_policy("float32")
    optimizers = [
        keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.05), initial_scale=scale
        )
        for scale in (2.0**30, 2.0**26)
    ]
    cls = type(method.make(network()))
    trainer = compiled(cls(student, peer, optimizers[1]), optimizers[0])
    trainer.fit(batches(method, steps=40), verbose=0)
    assert 0 < int(trainer.num_updates) < int(trainer.num_peer_updates) < 40
    assert int(trainer.num_updates) == int(optimizers[0].iterations)
    assert int(trainer.num_peer_updates) == int(optimizers[1].iterations)
    for teacher in (trainer.teacher, trainer.peer_teacher):
        assert all(np.isfinite(value).all() for value in weights(teacher))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*WARMED_UP, "mutual_mean_teaching"])
def test_compiling_again_continues_the_warm_up(name):
    method = METHODS[name]
    sgd = keras.optimizers.SGD
    straight = compiled(method.make(network()), sgd(0.1), run_eagerly=True)
    straight.fit(batches(method, steps=8), verbose=0)
    split_run = method.make(network())
    views, labels = arrays(method, steps=8)
    for part in (slice(0, 4), slice(4, 8)):
        compiled(split_run, sgd(0.1), run_eagerly=True)
        half = {key: view[part] for key, view in views.items()}
        half = tf.data.Dataset.from_tensor_slices((half, labels[part]))
        split_run.fit(half, verbose=0)
    for a, b in zip(weights(straight), weights(split_run), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_after_step_is_called_only_after_a_step():
    cls = type(METHODS["fixmatch"].make(network()))

    class Counting(cls):
        def __init__(self, student):
            super().__init__(student, threshold=0.3)
            self.count = self.add_weight(
                shape=(), dtype="int64", initializer="zeros", trainable=False
            )

        def after_step(self):
            self.count.assign_add(1)

    trainer = compiled(Counting(network()), accumulating(steps=3))
    trainer.fit(batches(METHODS["fixmatch"], steps=7), verbose=0)
    assert int(trainer.count) == 2


def test_meta_pseudo_labels_refuse_a_student_that_accumulates():
    """The feedback of a batch is what the student's step on it brought."""
    method = METHODS["meta_pseudo_labels"]
    trainer = compiled(method.make(network()), accumulating())
    with pytest.raises(ValueError, match="gradient_accumulation_steps must"):
        trainer.fit(batches(method), verbose=0)
    assert int(trainer.step) == 0
