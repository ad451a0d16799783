"""`Resume` in different calls of `fit`, and what may resume a checkpoint."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.optimizers import SGD, Adam, Adamax, LossScaleOptimizer, RMSprop
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule
from methods import METHODS, batches, compiled, network

from kconsist.callbacks import Resume, _checkpoints

POINTS = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 2, 20)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def pairs():
    """Returns ten batches."""
    return tf.data.Dataset.from_tensor_slices((POINTS, LABELS)).batch(2)


def linear(optimizer="sgd", loss=LOSS, layers=(), **options):
    dense = keras.layers.Dense(2, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((2,)), *layers, dense])
    options = {"run_eagerly": True, **options}
    model.compile(optimizer, loss, **options)
    return model


def train(model, resume, others=(), steps=2, epochs=2, **options):
    return model.fit(
        pairs().repeat().skip(resume.step),
        initial_epoch=resume.initial_epoch,
        steps_per_epoch=steps,
        epochs=epochs,
        callbacks=[*others, resume],
        verbose=0,
        **options,
    )


class Killed(Exception):
    pass


class Kill(keras.callbacks.Callback):
    """Ends the run before a step, like SIGKILL."""

    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_begin(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise Killed


def killed(model, resume, step, others=(), **options):
    with pytest.raises(Killed):
        train(model, resume, [*others, Kill(step)], **options)
    return model


def assert_equal(resumed, uninterrupted):
    for a, b in zip(resumed.weights, uninterrupted.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert resumed.history.history == uninterrupted.history.history
    assert resumed.history.epoch == uninterrupted.history.epoch


def test_data_of_unknown_length_may_end_at_a_checkpoint(tmp_path):
    model, unknown = linear(), pairs().filter(lambda *_: True)
    resume = Resume(tmp_path, every=5)
    model.fit(unknown, epochs=2, callbacks=[resume], verbose=0)
    assert _checkpoints.steps(tmp_path) == [15, 20]
    again = Resume(tmp_path, every=5)
    assert (again.step, again.initial_epoch) == (20, 2)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_data_that_run_out_may_end_at_a_checkpoint(tmp_path):
    model, short = linear(), pairs().take(7)
    model.fit(
        short,
        epochs=2,
        steps_per_epoch=10,
        callbacks=[Resume(tmp_path, every=7)],
        verbose=0,
    )
    again = Resume(tmp_path, every=7)
    assert again.initial_epoch == 2
    assert again.step == model.optimizer.iterations


def files(folder):
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {path: path.read_bytes() for path in found}


def test_a_resume_older_than_the_last_checkpoint_is_rejected(tmp_path):
    first, second = Resume(tmp_path), Resume(tmp_path)
    train(linear(), first)
    before = files(tmp_path)
    for late in (second, first):
        with pytest.raises(ValueError, match="requires a new Resume.*step 4"):
            train(linear(), late)
    assert files(tmp_path) == before


def test_a_second_run_in_the_folder_is_detected(tmp_path):
    first, second = Resume(tmp_path, every=1), Resume(tmp_path, every=1)

    class Other(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if _checkpoints.steps(tmp_path) == []:
                train(linear(), first)

    with pytest.raises(OSError, match="another run.*of step 4 is kept"):
        train(linear(), second, [Other()])
    assert Resume(tmp_path).step == 4


class NoConfig(LearningRateSchedule):
    def __call__(self, step):
        return 0.1


@pytest.fixture
def checkpoint_folder(request, tmp_path):
    """Returns a folder with a checkpoint of a given optimizer and loss."""
    optimizer, loss = request.param
    train(linear(optimizer(), loss), Resume(tmp_path), epochs=1)
    return tmp_path


def case(before, now, message, loss=LOSS, other_loss=LOSS):
    return pytest.param((before, loss), (now, other_loss), message, id=message)


@pytest.mark.parametrize(
    "checkpoint_folder, other, message",
    [
        case(
            lambda: SGD(0.1, momentum=0.9),
            lambda: RMSprop(0.1),
            "optimizer is RMSprop, was SGD",
        ),
        case(Adam, Adamax, "optimizer is Adamax, was Adam"),
        case(
            lambda: SGD(0.1),
            lambda: SGD(0.2),
            "optimizer.learning_rate is 0.2, was 0.1",
        ),
        case(
            lambda: SGD(0.1, momentum=0.9),
            lambda: SGD(0.1, momentum=0.8),
            "optimizer.momentum is 0.8, was 0.9",
        ),
        case(
            lambda: SGD(CosineDecay(0.1, 4)),
            lambda: SGD(CosineDecay(0.1, 8)),
            "optimizer.learning_rate.decay_steps is 8, was 4",
        ),
        case(
            lambda: LossScaleOptimizer(SGD(0.25)),
            lambda: LossScaleOptimizer(SGD(0.5)),
            "optimizer.inner_optimizer.learning_rate is 0.5, was 0.25",
        ),
        case(
            SGD,
            SGD,
            "loss is Hinge, was SparseCategoricalCrossentropy",
            other_loss=keras.losses.Hinge(),
        ),
    ],
    indirect=["checkpoint_folder"],
)
def test_a_model_compiled_differently_is_rejected(
    checkpoint_folder, other, message
):
    optimizer, loss = other
    model = linear(optimizer(), loss)
    before = [np.array(w) for w in model.weights]
    with pytest.raises(ValueError, match=message):
        train(model, Resume(checkpoint_folder))
    for a, b in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: SGD(NoConfig()),
        lambda: SGD(lambda: 0.1),
        lambda: LossScaleOptimizer(Adam(CosineDecay(0.1, 4))),
        lambda: SGD(0.1, gradient_accumulation_steps=2),
    ],
)
@pytest.mark.filterwarnings("ignore:The object being serialized")
def test_a_model_compiled_alike_resumes(optimizer, tmp_path):
    uninterrupted = linear(optimizer())
    train(uninterrupted, Resume(tmp_path / "uninterrupted"))
    killed(linear(optimizer()), Resume(tmp_path / "run"), 4)
    resumed = linear(optimizer())
    train(resumed, Resume(tmp_path / "run"))
    assert_equal(resumed, uninterrupted)


@pytest.mark.parametrize(
    "name, attribute",
    [
        ("meta_pseudo_labels", "teacher_optimizer"),
        ("mutual_mean_teaching", "peer_optimizer"),
    ],
)
def test_the_optimizer_of_a_second_network_is_compared(
    name, attribute, tmp_path
):
    def train_with(momentum):
        model = compiled(METHODS[name].make(network()))
        model.run_eagerly = True
        other = getattr(model, attribute)
        other.momentum = momentum  # As if it had been created with another one.
        model.fit(
            batches(METHODS[name], steps=1),
            callbacks=[Resume(tmp_path)],
            verbose=0,
        )

    train_with(0.5)
    with pytest.raises(ValueError, match=f"{attribute}.momentum is 0.75"):
        train_with(0.75)


def scheduler():
    return keras.callbacks.LearningRateScheduler(lambda _, rate: rate / 2)


def plateau():
    return keras.callbacks.ReduceLROnPlateau(
        "loss", patience=1, min_delta=1e3, factor=0.5
    )


@pytest.mark.slow
@pytest.mark.parametrize("other", [scheduler, plateau])
@pytest.mark.parametrize("kill", [6, 8])
def test_a_learning_rate_changed_by_a_callback_resumes(other, kill, tmp_path):
    def run(folder, stop=None, model=None):
        others = [other()]
        model = model or linear(SGD(0.1))
        resume = Resume(folder, callbacks=others, every=1)
        options = dict(steps=3, epochs=4)
        if stop:
            return killed(model, resume, stop, others, **options)
        train(model, resume, others, **options)
        return model

    uninterrupted = run(tmp_path / "uninterrupted")
    model = run(tmp_path / "run", kill)
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    resumed = run(tmp_path / "run")
    assert_equal(resumed, uninterrupted)
    assert (
        resumed.optimizer.learning_rate == uninterrupted.optimizer.learning_rate
    )
    # The same model in the same process, without compiling it again.
    assert_equal(run(tmp_path / "again", model=model), uninterrupted)


def improvements(monitor):
    """Returns early stopping that counts only the first of `FixedLosses`."""
    return [
        keras.callbacks.EarlyStopping(
            monitor, mode="min", min_delta=0.5, patience=3
        )
    ]


class FixedLosses(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["given"] = [5.0, 4.8, 4.7, 4.6, 4.6, 4.6][epoch]


def test_early_stopping_keeps_the_sign_of_min_delta(tmp_path):
    def run(folder, stop=None):
        others = improvements("given")
        resume = Resume(folder, callbacks=others)
        others = [FixedLosses(), *others]
        if stop:
            return killed(linear(), resume, stop, others, epochs=6)
        model = linear()
        train(model, resume, others, epochs=6)
        return model

    uninterrupted = run(tmp_path / "uninterrupted")
    assert uninterrupted.history.epoch == [0, 1, 2, 3]
    run(tmp_path / "run", stop=5)
    assert_equal(run(tmp_path / "run"), uninterrupted)


def test_callbacks_used_before_resume_a_run(tmp_path):
    """Like a notebook cell that is run again after Ctrl-C."""
    early = keras.callbacks.EarlyStopping("loss", min_delta=0.1, patience=9)
    killed(linear(), Resume(tmp_path, callbacks=[early]), 4, [early])
    wait, best = early.wait, early.best
    early.wait, early.best = 5, -1.0
    resume = Resume(tmp_path, callbacks=[early])
    killed(linear(), resume, 1, [early])
    assert (early.wait, early.best) == (wait, best)
    assert early.min_delta == -0.1  # Keras negates it for a loss.


def two(first, second):
    return [
        keras.callbacks.EarlyStopping("loss", patience=first),
        keras.callbacks.EarlyStopping("loss", patience=second),
    ]


def test_two_callbacks_of_a_class_are_distinguished(tmp_path):
    others = two(1, 2)
    killed(linear(), Resume(tmp_path, callbacks=others), 4, others)
    with pytest.raises(ValueError, match="EarlyStopping.patience is 3, was 1"):
        Resume(tmp_path, callbacks=two(3, 2))
    with pytest.raises(ValueError, match="EarlyStopping_2 is None"):
        Resume(tmp_path, callbacks=two(1, 2)[:1])


def test_callbacks_in_another_order_keep_their_state(tmp_path):
    def both():
        return two(7, 0)[0], keras.callbacks.ReduceLROnPlateau("loss")

    others = list(both())
    killed(linear(), Resume(tmp_path, callbacks=others), 4, others)
    early, plateau = both()
    others = [plateau, early]
    killed(linear(), Resume(tmp_path, callbacks=others), 1, others)
    assert (early.patience, plateau.patience) == (7, 10)
    assert not hasattr(plateau, "stopped_epoch")


class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = batch == 1


@pytest.mark.parametrize("every", [None, 1])
def test_training_stopped_within_an_epoch_ends_there(every, tmp_path):
    uninterrupted = linear()
    train(uninterrupted, Resume(tmp_path, every=every), [Stop()], steps=4)
    assert uninterrupted.history.epoch == [0]
    again = linear()
    train(again, Resume(tmp_path, every=every), [Stop()], steps=4)
    assert_equal(again, uninterrupted)
    # No checkpoint is written between the stop and the end of the epoch.
    latest = json.loads(
        (_checkpoints.latest(tmp_path) / "state.json").read_text()
    )
    assert (latest["step"], latest["batch"]) == (2, 0)


def test_executions_of_several_steps_resume(tmp_path):
    def run(folder, stop=None):
        model = linear(steps_per_execution=2, run_eagerly=False)
        resume = Resume(folder, every=3)
        if stop:
            return killed(model, resume, stop, steps=6)
        train(model, resume, steps=6)
        return model

    uninterrupted = run(tmp_path / "uninterrupted")
    run(tmp_path / "run", stop=3)  # Executions.
    assert _checkpoints.steps(tmp_path / "run") == [4]
    assert_equal(run(tmp_path / "run"), uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [5, None])
def test_executions_must_divide_an_epoch(steps, tmp_path):
    model = linear(steps_per_execution=2)
    unknown = pairs().filter(lambda *_: True)
    with pytest.raises(ValueError, match=f"multiple of .*=2, got {steps}"):
        model.fit(
            unknown,
            steps_per_epoch=steps,
            callbacks=[Resume(tmp_path)],
            verbose=0,
        )


@pytest.mark.parametrize("steps, execution", [(3, 1), (6, 2)])
def test_an_epoch_that_cannot_reach_the_checkpoint_is_rejected(
    steps, execution, tmp_path
):
    killed(linear(), Resume(tmp_path, every=3), 5, steps=6)
    model = linear(steps_per_execution=execution)
    message = f"after step 3 of an epoch.*={steps} and .*={execution}"
    with pytest.raises(ValueError, match=message):
        train(model, Resume(tmp_path, every=3), steps=steps)


def test_a_network_with_more_seeds_is_rejected(tmp_path):
    train(linear(), Resume(tmp_path))
    other = linear(layers=[keras.layers.Dropout(0.1)])
    with pytest.raises(ValueError, match="the same network and optimizer"):
        train(other, Resume(tmp_path))


def test_other_metrics_within_an_epoch_are_rejected(tmp_path):
    resume = Resume(tmp_path, every=1)
    killed(linear(metrics=["accuracy"]), resume, 2)
    with pytest.raises(ValueError, match="with the metrics"):
        train(linear(), Resume(tmp_path, every=1))


def test_a_checkpoint_of_another_format_is_rejected(tmp_path):
    train(linear(), Resume(tmp_path))
    path = _checkpoints.latest(tmp_path)
    content = {f.name: f.read_bytes() for f in path.iterdir()}
    found = json.loads(content["state.json"])
    del found["format"], content["checksums.json"]
    content["state.json"] = json.dumps(found).encode()

    def write(folder):
        for name, data in content.items():
            (folder / name).write_bytes(data)

    _checkpoints.write(tmp_path, 8, 10, write)
    with pytest.raises(ValueError, match="another version of kconsist"):
        Resume(tmp_path)


def test_best_weights_in_bfloat16_resume(tmp_path):
    keras.config.set_dtype_policy("bfloat16")

    def run(folder, stop=None):
        others = [
            keras.callbacks.EarlyStopping(
                "loss", mode="max", patience=9, restore_best_weights=True
            )
        ]
        model = linear(SGD(0.1))
        resume = Resume(folder, callbacks=others)
        if stop:
            return killed(model, resume, stop, others, epochs=3)
        train(model, resume, others, epochs=3)
        return model

    uninterrupted = run(tmp_path / "uninterrupted")
    run(tmp_path / "run", stop=5)
    assert_equal(run(tmp_path / "run"), uninterrupted)


def test_a_model_without_an_optimizer_resumes(tmp_path):
    model = linear(None)
    model.trainable = False
    train(model, Resume(tmp_path))
    again = linear(None)
    again.trainable = False
    train(again, Resume(tmp_path), epochs=3)
    assert again.history.epoch == [0, 1, 2]
