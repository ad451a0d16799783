"""What every trainer keeps to, whatever its method."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import (
    METHODS,
    arrays,
    batches,
    compiled,
    network,
    weights,
)

from kconsist.callbacks import Resume

# The same float32 sums in another order: XLA, replicas, one step or several.
SUMMED_ANEW = dict(rtol=1e-4, atol=2e-6)
EVERY = pytest.mark.parametrize("name", METHODS)
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
AGREEMENT = ("consistency_loss", "distillation_loss", "confusion_loss")


def assert_same(first, second, **tolerance):
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def eagerly(trainer, **options):
    """A compiled trainer whose few steps are not traced, which takes longer.

    That eager steps are those of a graph is a test of its own.
    """
    return compiled(trainer, run_eagerly=True, **options)


def first_batch(method):
    views, labels = arrays(method, steps=1)
    views = {name: tf.constant(view[0]) for name, view in views.items()}
    return views, tf.constant(labels[0])


def agreement(trainer, views, labels):
    logs = trainer.objective(views, labels)[2]
    return next(logs[name] for name in AGREEMENT if name in logs)


@EVERY
def test_agreement_reaches_every_variable_of_the_student(name):
    method = METHODS[name]
    trainer = compiled(method.make(network()))
    views, labels = first_batch(method)
    with tf.GradientTape() as tape:
        loss = agreement(trainer, views, labels)
    variables = getattr(trainer, method.reaches).trainable_variables
    for gradient in tape.gradient(loss, variables):
        assert gradient is not None
        assert float(tf.reduce_max(tf.abs(gradient))) > 1e-6


@EVERY
def test_agreement_reaches_the_learner_and_no_target(name):
    method = METHODS[name]
    trainer = compiled(method.make(network()))
    views, labels = first_batch(method)
    with tf.GradientTape() as tape:
        tape.watch(views)
        loss = agreement(trainer, views, labels)
    reached = {
        view
        for view, gradient in tape.gradient(loss, views).items()
        if gradient is not None and np.abs(gradient).max() > 1e-7
    }
    assert method.learner in reached
    targets = {"clean", "unlabeled_clean", "weak", "labeled"}
    targets -= {method.learner, *method.also_learners}
    assert not reached & targets


@EVERY
def test_no_gradient_reaches_a_teacher(name):
    method = METHODS[name]
    trainer = compiled(method.make(network()))
    if trainer.teacher is None:
        pytest.skip("has no teacher")
    views, labels = first_batch(method)
    with tf.GradientTape() as tape:
        tape.watch([v.value for v in trainer.teacher.weights])
        loss = trainer.objective(views, labels)[0]
    gradients = tape.gradient(loss, [v.value for v in trainer.teacher.weights])
    assert all(g is None or not np.any(g) for g in gradients)


@pytest.mark.parametrize(
    "name", [n for n in METHODS if n.startswith(("self_trainer", "distiller"))]
)
def test_frozen_teacher_stays_bit_for_bit(name):
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


@pytest.mark.slow
@EVERY
def test_eager_graph_and_xla_train_alike(name):
    method = METHODS[name]
    trained = []
    ways = [{"run_eagerly": True}, {"jit_compile": True}]
    # Of the others the test of replicas holds a graph to eager steps.
    ways += [{"jit_compile": False}] if name in WAYS else []
    for options in ways:
        trainer = compiled(
            method.make(network(batch_norm=True, l2=0.01)), **options
        )
        trainer.fit(batches(method), epochs=2, verbose=0)
        trained.append(trainer)
    for other in trained[1:]:
        assert_same(trained[0], other, **SUMMED_ANEW)


@pytest.mark.slow
@EVERY
def test_two_replicas_train_as_one(name, mirrored):
    method = METHODS[name]
    alone = eagerly(method.make(network(l2=0.01)))
    history = alone.fit(batches(method), epochs=2, verbose=0).history
    with mirrored.scope():
        both = compiled(method.make(network(l2=0.01)))
    replicated = both.fit(batches(method), epochs=2, verbose=0).history
    assert_same(alone, both, **SUMMED_ANEW)
    assert history.keys() == replicated.keys()
    for key in history:
        np.testing.assert_allclose(
            history[key], replicated[key], rtol=1e-4, atol=1e-6, err_msg=key
        )


@EVERY
def test_loaded_trainer_evaluates_alike_and_goes_on(name, tmp_path):
    method = METHODS[name]
    (views, labels), path = arrays(method), tmp_path / "trainer.keras"
    examples = views[method.trained_on][0], labels[0]
    trainer = eagerly(method.make(network(batch_norm=True)))
    trainer.fit(batches(method), verbose=0)
    trainer.save(path)

    loaded = keras.models.load_model(path)
    assert type(loaded) is type(trainer)
    assert int(loaded.step) == 4
    assert loaded.evaluate(*examples, verbose=0) == trainer.evaluate(
        *examples, verbose=0
    )
    for each in (trainer, loaded):
        each.fit(batches(method, seed=2), verbose=0)
    assert_same(trainer, loaded, rtol=0, atol=0)


@EVERY
def test_weights_file_brings_back_all_state(name, tmp_path):
    method, path = METHODS[name], tmp_path / "trainer.weights.h5"
    trainer = eagerly(method.make(network(batch_norm=True)))
    trainer.fit(batches(method), verbose=0)
    trainer.save_weights(path)
    other = eagerly(method.make(network(batch_norm=True, seed=3)))
    other.load_weights(path)
    assert_same(trainer, other, rtol=0, atol=0)
    for a, b in zip(
        trainer.optimizer.variables, other.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(a, b)


class Killed(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


@pytest.mark.slow
@EVERY
def test_a_killed_run_ends_as_one_that_was_not(name, tmp_path):
    method = METHODS[name]

    def train(folder, seed, *killed):
        resume = Resume(folder)
        student = network(dropout=0.2, batch_norm=True, seed=seed)
        trainer = eagerly(method.make(student))
        trainer.fit(
            batches(method, steps=2),
            epochs=2,
            initial_epoch=resume.initial_epoch,
            callbacks=[*killed, resume],
            verbose=0,
        )
        return trainer

    straight = train(tmp_path / "straight", 0)
    with pytest.raises(InterruptedError):
        train(tmp_path / "killed", 0, Killed())
    resumed = train(tmp_path / "killed", 5)
    for a, b in zip(resumed.variables, straight.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert resumed.history.history == straight.history.history


def assert_moved_alike(trainer, reference, start):
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
    reference = eagerly(method.make(network()))
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
        scaled = scaled_losses(trainer.optimizer)
        trainer.fit(batches(method), verbose=0)
        assert scaled and set(scaled) == {tf.float32}
        assert_moved_alike(trainer, reference, start)


def scaled_losses(optimizer):
    """Returns a list that the dtype of each scaled loss is added to."""
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    dtypes, scale_loss = [], optimizer.scale_loss

    def spy(loss):
        dtypes.append(loss.dtype)
        return scale_loss(loss)

    optimizer.scale_loss = spy
    return dtypes


@EVERY
def test_state_is_assigned_without_communication(name):
    """All replicas compute it alike, so each keeps its own."""
    trainer = METHODS[name].make(network(batch_norm=True))
    assert {weight.aggregation for weight in trainer.weights} == {"none"}


@EVERY
def test_logs_are_means_over_the_epoch(name):
    method = METHODS[name]
    views, labels = arrays(method, steps=3)
    student = network()
    # Nothing moves at rate 0, so each batch can be asked for its own values.
    still = dict(optimizer=keras.optimizers.SGD(0.0))
    trainer = eagerly(method.make(student), **still)
    for other in ("teacher_optimizer", "peer_optimizer"):
        if hasattr(trainer, other):
            getattr(trainer, other).learning_rate = 0.0
    start = trainer.get_weights()
    history = trainer.fit(batches(method, steps=3), verbose=0).history
    trainer.set_weights(start)
    expected = {log: [] for log in ("loss", *trainer.logs)}
    for step in range(3):
        trainer.optimizer.iterations.assign(step)
        batch = {k: tf.constant(v[step]) for k, v in views.items()}
        loss, _, logs = trainer.objective(batch, tf.constant(labels[step]))
        for log, value in {"loss": loss, **logs}.items():
            expected[log].append(float(value))
    for log, values in expected.items():
        if not values:  # Known after the step alone.
            continue
        np.testing.assert_allclose(
            history[log][0], np.mean(values), rtol=1e-5, err_msg=log
        )
        if log not in ("mask_rate", "consistency_loss"):
            assert np.std(values) > 0  # The last batch is not the mean.


@EVERY
def test_without_consistency_it_is_plain_fit(name):
    method = METHODS[name]
    views, labels = arrays(method)
    plain = eagerly(network(l2=0.01))
    plain.fit(
        tf.data.Dataset.from_tensor_slices((views[method.trained_on], labels)),
        epochs=2,
        verbose=0,
    )
    trainer = eagerly(
        method.make(network(l2=0.01), **method.without_consistency)
    )
    trainer.fit(batches(method), epochs=2, verbose=0)
    assert_same(plain, trainer.student, **SUMMED_ANEW)


@EVERY
def test_training_logs_stay_out_of_validation(name):
    method = METHODS[name]
    (views, labels) = arrays(method)
    trainer = eagerly(method.make(network()))
    validation = (views[method.trained_on][0], labels[0])
    history = trainer.fit(
        batches(method), validation_data=validation, epochs=2, verbose=0
    ).history
    shared = {"loss", "accuracy"}
    assert set(history) == shared | set(trainer.logs) | {
        f"val_{key}" for key in shared
    }
    assert (
        set(trainer.evaluate(*validation, verbose=0, return_dict=True))
        == shared
    )


@EVERY
def test_evaluation_asks_the_predictor_and_moves_nothing(name):
    method = METHODS[name]
    (views, labels) = arrays(method)
    trainer = eagerly(method.make(network(batch_norm=True, dropout=0.5)))
    trainer.fit(batches(method), verbose=0)
    images, before = views[method.trained_on][0], weights(trainer)
    expected = trainer.inference_model(images, training=False)
    np.testing.assert_allclose(
        trainer.predict(images, verbose=0), expected, rtol=1e-5, atol=1e-6
    )
    trainer.evaluate(images, labels[0], verbose=0)
    for a, b in zip(before, weights(trainer), strict=True):
        np.testing.assert_array_equal(a, b)


@EVERY
def test_examples_of_weight_zero_have_no_say_in_the_labels_loss(name):
    if name == "mutual_mean_teaching":
        pytest.skip("all labels say which images are triplets")
    method = METHODS[name]
    views, labels = arrays(method)
    weight = np.ones(labels.shape, "float32")
    weight[:, ::2] = 0
    wrong = labels.copy()
    wrong[:, ::2] = (wrong[:, ::2] + 1) % 3
    trained = []
    for given in (labels, wrong):
        trainer = eagerly(method.make(network()))
        dataset = tf.data.Dataset.from_tensor_slices((views, given, weight))
        trainer.fit(dataset, verbose=0)
        trained.append(trainer)
    assert_same(*trained, rtol=0, atol=0)
    unweighted = eagerly(method.make(network()))
    unweighted.fit(batches(method), verbose=0)
    first, second = (weights(t.student)[0] for t in (trained[0], unweighted))
    assert np.abs(first - second).max() > 1e-4


@EVERY
def test_class_weight_counts(name):
    method = METHODS[name]
    first = eagerly(method.make(network()))
    first.fit(batches(method), class_weight={0: 1, 1: 1, 2: 1}, verbose=0)
    second = eagerly(method.make(network()))
    second.fit(batches(method), class_weight={0: 5, 1: 0, 2: 1}, verbose=0)
    a, b = (weights(trainer.student)[0] for trainer in (first, second))
    assert np.abs(a - b).max() > 1e-4


@EVERY
def test_optimizer_holds_the_students_and_the_heads_variables_only(name):
    method = METHODS[name]
    trainer = eagerly(method.make(network(batch_norm=True)))
    trainer.fit(batches(method), verbose=0)
    trained = [
        v.path
        for part in (trainer.student, *trainer.heads)
        for v in part.trainable_variables
    ]
    assert {v.path for v in trainer.trainable_variables} == set(trained)
    slots = [v for v in trainer.optimizer.variables if "momentum" in v.path]
    assert len(slots) == len(trained)
