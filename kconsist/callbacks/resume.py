"""A run that is killed at any moment resumes as if nothing had happened."""

import pathlib
import sys
import tempfile

import keras
import numpy as np

from kconsist import distribute
from kconsist._checks import as_integer
from kconsist.callbacks import checkpoints, compiled, snapshot, state
from kconsist.callbacks.executions import check_executions
from kconsist.callbacks.interruption import Interruption

# Keras ends an epoch early by its flag alone; this one is lowered at its end.
_REST_OF_EPOCH = "the rest of a resumed epoch is done"


class Resume(keras.callbacks.Callback):
    """Writes checkpoints, and resumes from the last one.

    A run that was killed, and is started again in the same way, ends with the
    weights, the history and the callbacks' state of one that was not. Kept
    are weights, the optimizers' state, the seeds of dropout, the metrics of an
    unfinished epoch, the history, and the state of `callbacks`; where the
    data resumes is the pipeline's `start_step`. The weights are equal bit for
    bit on one device with `tf.config.experimental.enable_op_determinism()`.

    Ctrl-C ends the step, writes a checkpoint where `every` allows one within
    an epoch, and stops; a second one stops at once. A loss that is not finite
    stops at its step, and the last checkpoint stays as it was. The last two
    checkpoints are kept. Of several workers the chief writes them; all read.

    Args:
        folder: of this run's checkpoints; made where there is none.
        settings: dict of what must be the same for the run to resume, plain
            values; put `kconsist.data.digest(images, labels)` among them. The
            optimizers and the loss are compared without it. Defaults to
            `None`.
        callbacks: those whose state belongs to the run, `EarlyStopping` for
            one. Give them to `fit` too, and this one after them. Defaults to
            `()`.
        every: steps from one checkpoint to the next within an epoch. `fit`
            needs `steps_per_epoch` and `batches.repeat()` then: Keras begins
            other data sets anew at each epoch. Checkpoints are written between
            executions of `steps_per_execution`. Defaults to `None`, the ends
            of epochs alone.

    Attributes:
        step: int, steps made; the data's `start_step`.
        initial_epoch: int, `fit`'s `initial_epoch`; beyond every epoch where
            another callback had ended the training.

    Raises:
        ValueError: a damaged checkpoint, other settings, another network,
            optimizer or loss, `fit` begins elsewhere, or another run wrote to
            the folder.
        OSError: a checkpoint can not be written.
        FloatingPointError: while training, a loss or weights not finite.
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

    def __init__(self, folder, settings=None, callbacks=(), every=None):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.callbacks = list(callbacks)
        self.every = None if every is None else as_integer("every", every)
        self.settings = state.settings(settings or {}, self.callbacks)
        self._ctrl_c = Interruption()
        checkpoints.check_writable(self.folder)
        path = checkpoints.latest(self.folder, snapshot.FILES)
        self._snapshot = None if path is None else snapshot.Snapshot(path)
        if path is not None:
            self._snapshot.check_settings(self.settings)
        self._go_to_start()

    def _go_to_start(self):
        position = self._snapshot.position if self._snapshot else snapshot.START
        self.step, self._epoch = position["step"], position["epoch"]
        self.initial_epoch = sys.maxsize if position["stopped"] else self._epoch
        self._batch = self._offset = position["batch"]  # Of the first epoch.
        self._unread = self._snapshot is not None

    def set_model(self, model):
        """Keeps the model; checks the order of the callbacks."""
        super().set_model(model)
        for other in self.callbacks:
            if other.model is not model:
                raise ValueError(
                    "Resume must come in fit's list after the callbacks that "
                    f"it keeps, {type(other).__name__} was not before it"
                )

    def on_train_begin(self, logs=None):
        """Gives the model and the callbacks the state of the checkpoint."""
        self._check_folder()
        check_executions(self)
        self._go_to_start()
        self._began = compiled.describe(self.model)
        if self._unread:
            self._snapshot.check_model(self.model)
            self._restore()
            self._began = self._snapshot.began
        self._ctrl_c.start()

    def _check_folder(self):
        found = checkpoints.steps(self.folder)[-1:]
        read = [self._snapshot.position["step"]] if self._snapshot else []
        if found != read:
            raise ValueError(
                "each fit requires a new Resume, made after the last "
                f"checkpoint was written: {checkpoints.kept(self.folder)}"
            )

    def _restore(self):
        self._snapshot.restore_model(self.model)
        self._snapshot.restore_callbacks(self.callbacks)

    def _restore_history(self):
        # Not earlier: Keras's own callback comes after this one and empties it.
        if self._unread:
            self._snapshot.restore_history(self.model)
        self._unread = False

    def on_epoch_begin(self, epoch, logs=None):
        """Checks that training begins where the checkpoint ends."""
        if self._unread and epoch != self.initial_epoch:
            raise ValueError(
                f"fit must be given initial_epoch={self.initial_epoch}, where "
                f"checkpoint {self._snapshot.path} ends, got {epoch}"
            )
        if self._offset:
            self._resume_epoch()
        self._restore_history()
        self._epoch, self._seen = epoch, 0

    def _resume_epoch(self):
        steps, execution = self.params["steps"], self.model.steps_per_execution
        left = (steps or 0) - self._offset
        if left <= 0 or left % execution:
            raise ValueError(
                "fit must be given steps_per_epoch and batches.repeat() to "
                f"resume after step {self._offset} of an epoch, where "
                f"{self._snapshot.path} ends, got steps_per_epoch={steps} and "
                f"steps_per_execution={execution}"
            )
        # The other callbacks have begun this epoch a second time.
        self._restore()

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step; stops where the loss is not finite or by Ctrl-C."""
        before = self.step
        self.step += batch + 1 - self._seen
        if self._offset and not self._seen:
            self._snapshot.add_metrics(self.model)
        self._seen = batch + 1
        self._batch = self._offset + self._seen
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            self._raise_not_finite(f"the loss is {logs['loss']}")
        if self.model.stop_training:
            return
        if self._batch == self.params["steps"]:
            if self._offset:
                self.model.stop_training = _REST_OF_EPOCH
            return
        crossed = self.every and self.step // self.every > before // self.every
        if crossed or (self.every and self._ctrl_c.requested):
            self._save()
        self._stop_if_interrupted()

    def on_epoch_end(self, epoch, logs=None):
        """Writes a checkpoint."""
        if self.model.stop_training is _REST_OF_EPOCH:
            self.model.stop_training = False
        self._offset = self._batch = 0
        self._epoch = epoch + 1
        self._save(logs)
        self._stop_if_interrupted()

    def on_train_end(self, logs=None):
        """Gives Ctrl-C back."""
        self._restore_history()
        self._ctrl_c.stop()

    def _save(self, logs=None):
        weight = snapshot.weight_not_finite(self.model)
        if weight:
            self._raise_not_finite(f"weight {weight} is not finite")
        position = dict(
            step=self.step,
            epoch=self._epoch,
            batch=self._batch,
            stopped=bool(self.model.stop_training),
        )
        compared = self.settings, self._began
        run = self.model, self.callbacks, logs or {}, position, *compared
        if not distribute.is_chief():
            # Sums over replicas are read together; the chief keeps them.
            with tempfile.TemporaryDirectory() as path:
                snapshot.write(pathlib.Path(path), *run)
            return
        try:
            checkpoints.write(
                self.folder,
                self.step,
                snapshot.size(self.model),
                lambda path: snapshot.write(path, *run),
            )
        except OSError:
            self._ctrl_c.stop()
            raise

    def _stop_if_interrupted(self):
        if self._ctrl_c.requested:
            raise KeyboardInterrupt(
                f"stopped after step {self.step}; "
                f"{checkpoints.kept(self.folder)}: start again with the same "
                "settings to resume"
            )

    def _raise_not_finite(self, what):
        self._ctrl_c.stop()
        kept = checkpoints.kept(self.folder)
        raise FloatingPointError(f"{what} at step {self.step}; {kept}")
