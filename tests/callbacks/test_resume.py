"""A run that was stopped at any step resumes exactly."""

import os
import resource
import shutil
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import CLASSES, FEATURES, network

from kconsist import FixMatch, MeanTeacher, data, views
from kconsist.callbacks import (
    Resume,
    StochasticWeightAveraging,
    _checkpoints,
)

STEPS, EPOCHS = 4, 3
POINTS = np.random.default_rng(0).normal(size=(30, FEATURES)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, CLASSES, 30)


def plain(seed):
    return network(batch_norm=True, dropout=0.3, seed=seed)


def fixmatch(seed):
    return FixMatch(plain(seed), threshold=0.3, ema_decay=0.9)


def mean_teacher(seed):
    return MeanTeacher(plain(seed), decay=0.9)


def batches(make, start_step):
    options = dict(steps=STEPS, start_step=start_step, seed=3)
    jitter = views.Jitter(radius=0.1)
    if make is plain:
        return data.labeled_views(
            (POINTS, LABELS), view=jitter, batch_size=8, **options
        )
    return data.semi_supervised(
        (POINTS, LABELS),
        POINTS,
        weak=jitter,
        strong=jitter,
        batch_size=8,
        unlabeled_ratio=1,
        **options,
    )


class Kill(keras.callbacks.Callback):
    """Ends the run after a step, like SIGKILL: no code runs after it."""

    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise Killed


class Killed(Exception):
    pass


def compiled(model, eager=True):
    schedule = keras.optimizers.schedules.CosineDecay(0.05, STEPS * EPOCHS)
    model.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        run_eagerly=eager,  # Tracing takes longer than these few steps.
    )
    return model


def train(
    make,
    folder,
    *,
    others=None,
    kill=None,
    seed=0,
    last=(),
    eager=True,
    **options,
):
    """Starts or resumes a run; returns the model."""
    others = [] if others is None else others()
    resume = Resume(folder, callbacks=others, **options)
    model = compiled(make(seed), eager)
    killers = [Kill(kill)] if kill else []
    model.fit(
        batches(make, resume.step).repeat(),
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        initial_epoch=resume.initial_epoch,
        validation_data=(POINTS, LABELS),
        callbacks=[*others, *killers, resume, *last],
        verbose=0,
    )
    return model


def assert_equal(resumed, uninterrupted):
    for a, b in zip(resumed.weights, uninterrupted.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    optimizers = resumed.optimizer.variables, uninterrupted.optimizer.variables
    for a, b in zip(*optimizers, strict=True):
        np.testing.assert_array_equal(a, b)
    assert resumed.history.history == uninterrupted.history.history
    assert resumed.history.epoch == uninterrupted.history.epoch


@pytest.mark.parametrize(
    "make, kill, every",
    [(plain, 5, None), (plain, 7, 1), (mean_teacher, 8, 3)],
)
def test_a_killed_run_resumes_exactly(make, kill, every, tmp_path):
    uninterrupted = train(make, tmp_path / "uninterrupted", every=every)
    with pytest.raises(Killed):
        train(make, tmp_path / "run", kill=kill, every=every)
    # Another seed, so that anything not restored shows.
    resumed = train(make, tmp_path / "run", seed=1, every=every)
    assert_equal(resumed, uninterrupted)


@pytest.mark.slow
def test_a_traced_run_resumes_exactly(tmp_path):
    uninterrupted = train(
        fixmatch, tmp_path / "uninterrupted", eager=False, every=3
    )
    with pytest.raises(Killed):
        train(fixmatch, tmp_path / "run", kill=8, eager=False, every=3)
    run = tmp_path / "run"
    resumed = train(fixmatch, run, seed=1, eager=False, every=3)
    assert_equal(resumed, uninterrupted)


@pytest.mark.slow
def test_a_run_killed_several_times_resumes_exactly(tmp_path):
    uninterrupted = train(fixmatch, tmp_path / "uninterrupted", every=2)
    for number in range(4):
        with pytest.raises(Killed):
            train(fixmatch, tmp_path / "run", kill=3, every=2, seed=number)
    resumed = train(fixmatch, tmp_path / "run", every=2)
    assert_equal(resumed, uninterrupted)


def test_a_finished_run_is_not_trained_again(tmp_path):
    uninterrupted = train(fixmatch, tmp_path)
    again = train(fixmatch, tmp_path, kill=1, seed=1)
    assert_equal(again, uninterrupted)


def averaging():
    return [StochasticWeightAveraging(1, batch_norm_data=[POINTS])]


@pytest.mark.slow
@pytest.mark.parametrize("kill", [5, 10, None])
def test_averaged_weights_resume(kill, tmp_path):
    uninterrupted = train(plain, tmp_path / "uninterrupted", others=averaging)
    if kill:
        with pytest.raises(Killed):
            train(plain, tmp_path / "run", others=averaging, kill=kill)
    else:
        train(plain, tmp_path / "run", others=averaging)
    resumed = train(plain, tmp_path / "run", others=averaging, seed=1)
    for a, b in zip(resumed.weights, uninterrupted.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def stopping(patience=1):
    return [
        keras.callbacks.EarlyStopping(
            "val_loss", mode="max", patience=patience, min_delta=1e3
        )
    ]


def test_early_stopping_resumes(tmp_path):
    uninterrupted = train(plain, tmp_path / "uninterrupted", others=stopping)
    assert uninterrupted.history.epoch == [0, 1]
    with pytest.raises(Killed):
        train(plain, tmp_path / "run", others=stopping, kill=6)
    resumed = train(plain, tmp_path / "run", others=stopping, seed=1)
    assert_equal(resumed, uninterrupted)
    again = train(plain, tmp_path / "run", others=stopping, seed=2)
    assert_equal(again, uninterrupted)


@pytest.mark.slow
def test_loss_scaling_resumes(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        uninterrupted = train(fixmatch, tmp_path / "uninterrupted")
        with pytest.raises(Killed):
            train(fixmatch, tmp_path / "run", kill=6)
        resumed = train(fixmatch, tmp_path / "run", seed=1)
    finally:
        keras.config.set_dtype_policy("float32")
    assert_equal(resumed, uninterrupted)


class Interrupt(Kill):
    """Sends SIGINT during a step."""

    def on_train_batch_begin(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)

    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("every, kept", [(100, 6), (None, 4)])
def test_ctrl_c_stops_after_the_step_and_the_run_resumes(every, kept, tmp_path):
    uninterrupted = train(fixmatch, tmp_path / "uninterrupted", every=every)
    run = tmp_path / "run"
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=f"after step 6.*step {kept}"):
        train(fixmatch, run, last=[Interrupt(6)], every=every)
    assert signal.getsignal(signal.SIGINT) is handler
    assert _checkpoints.steps(run)[-1] == kept
    assert_equal(train(fixmatch, run, seed=1, every=every), uninterrupted)
    assert signal.getsignal(signal.SIGINT) is handler


class Poison(Kill):
    """Sets a weight to NaN before a step."""

    def on_train_batch_begin(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.model.trainable_variables[0].assign_add(
                np.full(self.model.trainable_variables[0].shape, np.nan)
            )

    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.slow
def test_a_nan_loss_stops_at_its_step(tmp_path):
    with pytest.raises(FloatingPointError, match="nan at step 6.* of step 4"):
        train(fixmatch, tmp_path / "run", last=[Poison(6)])
    uninterrupted = train(fixmatch, tmp_path / "uninterrupted")
    assert_equal(train(fixmatch, tmp_path / "run"), uninterrupted)


class PoisonAtEnd(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            weight = self.model.trainable_variables[0]
            weight.assign(np.full(weight.shape, np.inf))


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    with pytest.raises(FloatingPointError, match="weight .* at step 8"):
        train(plain, tmp_path, others=lambda: [PoisonAtEnd()])
    assert _checkpoints.steps(tmp_path) == [4]


def stopped_run(folder):
    with pytest.raises(Killed):
        train(fixmatch, folder, kill=9, settings=dict(rate=0.1))
    assert _checkpoints.steps(folder) == [4, 8]
    return folder


def test_a_partial_checkpoint_is_ignored(tmp_path):
    run = stopped_run(tmp_path)
    complete = run / "step_00000008"
    complete.rename(run / "step_00000008.partial")
    (run / "step_00000008.partial" / "state.json").write_text("{")
    assert Resume(run, dict(rate=0.1)).step == 4


@pytest.mark.parametrize(
    "file", ["model.weights.h5", "state.npz", "state.json", "checksums.json"]
)
@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
def test_the_error_names_a_damaged_checkpoint(file, damage, tmp_path, one_run):
    path = tmp_path / "step_00000008" / file
    content = path.read_bytes()
    if damage == "delete":
        path.unlink()
    else:
        half = len(content) // 2
        flipped = bytes([content[half] ^ 1])
        rest = flipped + content[half + 1 :] if damage == "flip" else b""
        path.write_bytes(content[:half] + rest)
    with pytest.raises(ValueError, match="damaged.*resume from step 4"):
        Resume(tmp_path, dict(rate=0.1))


@pytest.fixture(scope="module")
def a_run(tmp_path_factory):
    return stopped_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def one_run(a_run, tmp_path):
    shutil.copytree(a_run, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_error_names_a_changed_setting(one_run):
    with pytest.raises(ValueError, match="settings.rate is 0.2, was 0.1"):
        Resume(one_run, dict(rate=0.2))
    with pytest.raises(ValueError, match="settings.extra is 1, was None"):
        Resume(one_run, dict(rate=0.1, extra=1))


def test_the_error_names_changed_data(tmp_path):
    with pytest.raises(Killed):
        train(plain, tmp_path, kill=5, settings=dict(data=data.digest(POINTS)))
    with pytest.raises(ValueError, match="settings.data is"):
        Resume(tmp_path, dict(data=data.digest(POINTS + 1)))


def test_the_error_names_a_changed_argument_of_a_callback(tmp_path):
    with pytest.raises(Killed):
        train(plain, tmp_path, others=stopping, kill=5)
    with pytest.raises(ValueError, match="EarlyStopping.patience is 2, was 1"):
        Resume(tmp_path, callbacks=stopping(2))


def test_another_network_is_rejected(one_run):
    def wider(seed):
        return FixMatch(network(width=11, seed=seed), ema_decay=0.9)

    with pytest.raises(ValueError, match="the same network and optimizer"):
        train(wider, one_run, settings=dict(rate=0.1))


def test_another_optimizer_is_rejected(one_run):
    model = fixmatch(0)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    resume = Resume(one_run, dict(rate=0.1))
    with pytest.raises(ValueError, match="the same network and optimizer"):
        model.fit(
            batches(fixmatch, 8),
            epochs=3,
            initial_epoch=resume.initial_epoch,
            callbacks=[resume],
            verbose=0,
        )


def test_another_initial_epoch_is_rejected(one_run):
    model = compiled(fixmatch(0))
    with pytest.raises(ValueError, match="initial_epoch=2.*got 0"):
        model.fit(
            batches(fixmatch, 8),
            epochs=3,
            callbacks=[Resume(one_run, dict(rate=0.1))],
            verbose=0,
        )


def test_callbacks_must_come_before_resume(tmp_path):
    early = stopping()[0]
    model = plain(0)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True))
    resume = Resume(tmp_path, callbacks=[early])
    with pytest.raises(ValueError, match="EarlyStopping was not before it"):
        model.fit(POINTS, LABELS, callbacks=[resume, early], verbose=0)


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(model=keras.losses.MeanSquaredError), "got a type"),
        (dict(images=POINTS), "data.digest"),
        ({1: 2}, "got a dict with keys that are not strings"),
        (["rate", 0.1], "got a list"),
    ],
)
def test_settings_must_be_plain(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Resume(tmp_path, settings)


def test_a_folder_that_is_not_writable_is_rejected_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="can be written to"):
        Resume(tmp_path / "file" / "run")


class SmallDisk(keras.callbacks.Callback):
    """Limits files to 2 KB from epoch 1 on, like a full disk."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, self.hard))

    def __init__(self):
        super().__init__()
        self.soft, self.hard = resource.getrlimit(resource.RLIMIT_FSIZE)


@pytest.mark.slow
def test_a_full_disk_keeps_the_last_checkpoint(tmp_path):
    disk = SmallDisk()
    try:
        with pytest.raises(OSError, match="step 8 could not.*step 4 is kept"):
            train(fixmatch, tmp_path / "run", last=[disk])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (disk.soft, disk.hard))
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["step_00000004"]
    uninterrupted = train(fixmatch, tmp_path / "uninterrupted")
    assert_equal(train(fixmatch, tmp_path / "run", seed=1), uninterrupted)


def test_the_last_two_checkpoints_are_kept(tmp_path):
    train(fixmatch, tmp_path)
    assert _checkpoints.steps(tmp_path) == [8, 12]


@pytest.mark.slow
def test_resuming_within_an_epoch_requires_its_length(tmp_path):
    with pytest.raises(Killed):
        train(plain, tmp_path, kill=6, every=1)
    model = compiled(plain(0))
    resume = Resume(tmp_path, every=1)
    unknown = tf.data.Dataset.from_generator(
        lambda: batches(plain, resume.step),
        output_signature=batches(plain, 0).element_spec,
    )
    with pytest.raises(ValueError, match="steps_per_epoch and batches.repeat"):
        model.fit(
            unknown,
            epochs=3,
            initial_epoch=resume.initial_epoch,
            callbacks=[resume],
            verbose=0,
        )
