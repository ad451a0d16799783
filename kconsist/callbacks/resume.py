"""Writes checkpoints from which a killed run resumes exactly."""

import functools
import pathlib
import sys
import tempfile
from collections.abc import Sequence

import keras
import numpy as np

from kconsist import _checks, distribute
from kconsist.callbacks import (
    _checkpoints,
    _compiled,
    _serialization,
    _training_state,
)
from kconsist.callbacks._executions import check_executions
from kconsist.callbacks._interruption import DeferredInterrupt

# Keras ends an epoch early if `stop_training` is true. This value marks the end
# of a resumed epoch; `on_epoch_end` resets it.
_END_OF_RESUMED_EPOCH = "the rest of a resumed epoch is done"


class Resume(keras.callbacks.Callback):
    """Writes checkpoints, and resumes from the last one.

    If a run is killed and started again in the same way, it ends with the same
    weights, history and state of callbacks as a run that was not killed. A
    checkpoint contains the weights, the optimizers' state, the seeds of
    dropout, the metrics of an unfinished epoch, the history, and the state of
    `callbacks`. The data resumes by the pipeline's `start_step`. The weights
    are equal bit for bit on one device with
    `tf.config.experimental.enable_op_determinism()`.

    Ctrl-C stops training at the end of the step, after a checkpoint if `every`
    allows one within an epoch; a second Ctrl-C stops at once. A loss that is
    not finite stops training at its step, and the last checkpoint stays as it
    was. The last two checkpoints are kept. With several workers the chief
    writes them, and all workers read them.

    Args:
        folder: folder of this run's checkpoints; created if missing.
        settings: dict of plain values that must stay the same to resume;
            include `kconsist.data.digest(images, labels)`. The optimizers and
            the loss are always compared. Defaults to `None`.
        callbacks: callbacks whose state belongs to the run, for example
            `EarlyStopping`. Pass them to `fit` too, before this one. Defaults
            to `()`.
        every: number of steps between checkpoints within an epoch. `fit` then
            requires `steps_per_epoch` and `batches.repeat()`, because Keras
            restarts other datasets at each epoch. Checkpoints are written
            between executions of `steps_per_execution`. Defaults to `None`,
            only at the ends of epochs.

    Attributes:
        step: int, number of steps so far; the data's `start_step`.
        initial_epoch: int, `fit`'s `initial_epoch`; larger than any epoch if
            another callback had stopped the training.

    Raises:
        ValueError: the checkpoint is damaged; the settings, the network, the
            optimizer or the loss differ; `fit` starts at another epoch; or
            another run wrote to the folder.
        OSError: a checkpoint can't be written.
        FloatingPointError: while training, the loss or weights are not finite.
        KeyboardInterrupt: while training, after Ctrl-C and a checkpoint.

    Example:
        ```python
        import tempfile

        import keras
        from kconsist import callbacks, data, models, views

        train, _ = data.load("moons")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model = models.MLP(2)
        model.compile("adam", loss)
        resume = callbacks.Resume(tempfile.mkdtemp(), dict(rate=1e-3))
        batches = data.labeled_views(
            train, view=views.Identity(), steps=10, start_step=resume.step
        )
        history = model.fit(
            batches.repeat(),
            epochs=3,
            steps_per_epoch=10,
            initial_epoch=resume.initial_epoch,
            callbacks=[resume],
            verbose=0,
        )
        ```
    """

    def __init__(
        self,
        folder: str | pathlib.Path,
        settings: dict | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        every: int | None = None,
    ):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.callbacks = list(callbacks)
        if every is not None:
            every = _checks.as_integer("every", every)
        self.every = every
        self.settings = _serialization.encode_settings(
            settings or {}, self.callbacks
        )
        self._interrupt = DeferredInterrupt()
        _checkpoints.check_writable(self.folder)
        path = _checkpoints.latest(self.folder, _training_state.FILES)
        self._state = None
        if path is not None:
            self._state = _training_state.TrainingState(path)
            self._state.check_settings(self.settings)
        self._reset_position()

    def _reset_position(self):
        position = _training_state.START
        if self._state is not None:
            position = self._state.position
        self.step, self._epoch = position["step"], position["epoch"]
        self.initial_epoch = sys.maxsize if position["stopped"] else self._epoch
        # The batch within the epoch, and where the first epoch resumes.
        self._batch = self._offset = position["batch"]
        self._history_pending = self._state is not None

    def set_model(self, model: keras.Model) -> None:
        """Sets the model; checks the order of the callbacks."""
        super().set_model(model)
        for other in self.callbacks:
            if other.model is not model:
                raise ValueError(
                    "Resume must come in fit's list after the callbacks whose "
                    f"state it keeps, {type(other).__name__} was not before it"
                )

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Restores the model and the callbacks from the checkpoint."""
        self._check_folder()
        check_executions(self)
        self._reset_position()
        self._compiled_at_start = _compiled.describe(self.model)
        if self._history_pending:
            self._state.check_model(self.model)
            self._restore()
            self._compiled_at_start = self._state.compiled_at_start
        self._interrupt.start()

    def _check_folder(self):
        last = _checkpoints.steps(self.folder)[-1:]
        read = [self._state.position["step"]] if self._state else []
        if last != read:
            raise ValueError(
                "each fit requires a new Resume, created after the last "
                "checkpoint was written: "
                f"{_checkpoints.describe_latest(self.folder)}"
            )

    def _restore(self):
        self._state.restore_model(self.model)
        self._state.restore_callbacks(self.callbacks)

    def _restore_history(self):
        # Not earlier: Keras's History callback runs later and clears it.
        if self._history_pending:
            self._state.restore_history(self.model)
        self._history_pending = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Checks that training starts where the checkpoint ends."""
        if self._history_pending and epoch != self.initial_epoch:
            raise ValueError(
                f"fit must be given initial_epoch={self.initial_epoch}, where "
                f"checkpoint {self._state.path} ends, got {epoch}"
            )
        if self._offset:
            self._resume_epoch()
        self._restore_history()
        self._epoch, self._batches_seen = epoch, 0

    def _resume_epoch(self):
        steps, execution = self.params["steps"], self.model.steps_per_execution
        left = (steps or 0) - self._offset
        if left <= 0 or left % execution:
            raise ValueError(
                "fit must be given steps_per_epoch and batches.repeat() to "
                f"resume after step {self._offset} of an epoch, where "
                f"{self._state.path} ends, got steps_per_epoch={steps} and "
                f"steps_per_execution={execution}"
            )
        # The other callbacks have started this epoch a second time.
        self._restore()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts the step; stops at Ctrl-C or a loss that is not finite."""
        before = self.step
        self.step += batch + 1 - self._batches_seen
        if self._offset and not self._batches_seen:
            self._state.add_metrics(self.model)
        self._batches_seen = batch + 1
        self._batch = self._offset + self._batches_seen
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            self._raise_not_finite(f"the loss is {logs['loss']}")
        if self.model.stop_training:
            return
        if self._batch == self.params["steps"]:
            if self._offset:
                self.model.stop_training = _END_OF_RESUMED_EPOCH
            return
        is_due = self.every and self.step // self.every > before // self.every
        if is_due or (self.every and self._interrupt.requested):
            self._save()
        self._stop_if_interrupted()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes a checkpoint."""
        if self.model.stop_training is _END_OF_RESUMED_EPOCH:
            self.model.stop_training = False
        self._offset = self._batch = 0
        self._epoch = epoch + 1
        self._save(logs)
        self._stop_if_interrupted()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Restores the SIGINT handler."""
        self._restore_history()
        self._interrupt.stop()

    def _save(self, logs=None):
        weight = _training_state.first_nonfinite_weight(self.model)
        if weight:
            self._raise_not_finite(f"weight {weight} is not finite")
        position = dict(
            step=self.step,
            epoch=self._epoch,
            batch=self._batch,
            stopped=bool(self.model.stop_training),
        )
        write_files = functools.partial(
            _training_state.write,
            model=self.model,
            callbacks=self.callbacks,
            logs=logs or {},
            position=position,
            settings=self.settings,
            compiled_at_start=self._compiled_at_start,
        )
        if not distribute.is_chief():
            # Reading sums over replicas is collective, so all workers do it.
            with tempfile.TemporaryDirectory() as path:
                write_files(pathlib.Path(path))
            return
        size = _training_state.size(self.model)
        try:
            _checkpoints.write(self.folder, self.step, size, write_files)
        except OSError:
            self._interrupt.stop()
            raise

    def _stop_if_interrupted(self):
        if self._interrupt.requested:
            raise KeyboardInterrupt(
                f"stopped after step {self.step}; "
                f"{_checkpoints.describe_latest(self.folder)}: start again "
                "with the same settings to resume"
            )

    def _raise_not_finite(self, problem):
        self._interrupt.stop()
        latest = _checkpoints.describe_latest(self.folder)
        raise FloatingPointError(f"{problem} at step {self.step}; {latest}")
