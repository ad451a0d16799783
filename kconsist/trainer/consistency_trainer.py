"""The trainer that every method shares: views in, one optimizer step out.

One step of any method is views → networks → targets → loss → schedule → after
the step. A method supplies the middle, `objective`; this file is the rest.
"""

import keras
import tensorflow as tf
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kconsist import _checks, distribute, ema
from kconsist.trainer import (
    _batch,
    _batch_spec,
    _epoch_reader,
    _keras,
    _optimizers,
    _python_batches,
    _replica_checks,
)
from kconsist.trainer._fused_batch_norm import fuses_batch_norm
from kconsist.trainer.student_teacher import StudentTeacher


class ConsistencyTrainer(StudentTeacher):
    """A student that is trained to predict consistently across views.

    A method is a subclass that names its `views` and its `logs` and supplies
    `objective(views, labels, sample_weight)`. Layers in `heads` train with the
    student and take no part in predictions. `compile` and `fit` are Keras's.

    A batch is `({"view name": images, …}, labels[, sample_weight])`. Views may
    differ in batch size; labels belong to the first of `views`.

    State is Keras weights, written at one of two places. What a batch shows,
    such as the features of a queue or the counts of a threshold, is written in
    `objective`, once for each batch. What follows the student's weights, such
    as their average, moves in `after_step`, once for each optimizer step.

    Args:
        student: built `keras.Model` from images to logits (batch, classes).
        teacher: another one, or None. It is called, never trained.
        **kwargs: `ema_decay`, `ema_warmup` and `fused_batch_norm`, see
            `StudentTeacher`; `name` and `dtype` of a `keras.Model`.

    Raises:
        ValueError: the student can't be trained, or the teacher can't teach it.

    Example:
        ```python
        from kconsist import ConsistencyTrainer

        class Supervised(ConsistencyTrainer):
            views = ("images",)

            def objective(self, views, labels, sample_weight=None):
                logits = self.forward(views["images"])
                loss = self.compute_loss(
                    views, labels, logits, sample_weight
                )
                return loss, logits, {}
        ```
    """

    optional_views: tuple = ()
    logs: tuple = ()
    # Of unlabeled images, for methods with the view "index".
    num_examples: int | None = None

    def __init__(self, student: keras.Model, teacher=None, **kwargs):
        super().__init__(student, teacher, **kwargs)
        self.trackers = [keras.metrics.Mean(name=name) for name in self.logs]

    def objective(self, views, labels, sample_weight=None):
        """Returns `(loss, predictions, logs)` of one batch.

        Args:
            views: dict of name to images (batch, …).
            labels: integer tensor (batch,) of the first view's classes.
            sample_weight: float tensor (batch,), or None.

        Returns:
            The loss, a scalar made of `keras.losses.Loss` values and of
            `distribute.scaled_mean`; the logits (batch, classes) for the
            compiled metrics; and a dict of the scalars to log, on the same
            scale as the loss, with a key for each of `self.logs`.
        """
        raise NotImplementedError

    def after_step(self) -> None:
        """Updates what follows the student's weights: here, their average.

        It is called after each optimizer step: not for a batch whose gradients
        are only accumulated, nor where float16 gradients overflowed.
        """
        self.update_average()

    @property
    def step(self):
        """Number of optimizer steps so far, an int scalar."""
        return self.optimizer.iterations

    def value_at_step(self, value):
        """Returns the value of a float or of a schedule at this step."""
        if isinstance(value, LearningRateSchedule):
            value = value(self.step)
        return ops.cast(value, "float32")

    def forward(self, images, network=None):
        """Returns logits in training mode, the student's, as float32."""
        network = self.student if network is None else network
        return ops.cast(network(images, training=True), "float32")

    def forward_together(self, *views, network=None):
        """Returns the student's logits for each view, from one forward pass.

        BatchNorm sees one batch that mixes all views, and updates its
        statistics once. A `network` takes the student's place; see
        `kconsist.features`.
        """
        sizes = [ops.shape(view)[0] for view in views]
        logits = self.forward(ops.concatenate(views, axis=0), network)
        return tf.split(logits, sizes, axis=0, num=len(sizes))

    def teacher_logits(self, images, training: bool = False):
        """Returns the teacher's logits as float32, under stop-gradient."""
        logits = self.teacher(images, training=training)
        return ops.stop_gradient(ops.cast(logits, "float32"))

    @fuses_batch_norm
    def train_step(self, data):
        """Makes one step on one batch."""
        views, labels, sample_weight = _batch.unpack(
            data, self.views, self.optional_views
        )
        _checks.loss_from_logits(self.loss)
        step = ops.copy(self.step)
        loss, logits, logs = self.update(views, labels, sample_weight)
        distribute.average_replicas(ema.moving_statistics(self))
        _optimizers.call_after_step(self.optimizer, step, self.after_step)
        return self._logged(views, labels, logits, sample_weight, loss, logs)

    def update(self, views, labels, sample_weight=None):
        """Makes the student's step; returns what `objective` does.

        A method whose networks learn in turn makes several calls of `minimize`.
        """
        return self.minimize(
            lambda: self.objective(views, labels, sample_weight),
            self,
            self.optimizer,
        )

    def minimize(self, loss_fn, network, optimizer):
        """Makes one optimizer step on the loss that a function returns.

        Adds the network's regularizers once, whatever the loss's own weights.

        Args:
            loss_fn: function without arguments that returns a tuple, the loss
                first.
            network: `keras.Model` to train; the trainer itself stands for the
                student and the heads.
            optimizer: the optimizer that was built with its variables.

        Returns:
            The tuple, with the regularizers in its loss.
        """
        with tf.GradientTape() as tape:
            loss, *others = loss_fn()
            added = self.regularizers if network is self else network.losses
            loss += sum(map(distribute.scaled_mean, added))
            scaled_loss = optimizer.scale_loss(loss)
        variables = network.trainable_variables
        gradients = tape.gradient(scaled_loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss, *others

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Returns the compiled loss, in evaluation with the regularizers.

        In training `minimize` adds the regularizers, because an objective may
        weight this loss.
        """
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if training:
            return loss
        return loss + sum(map(distribute.scaled_mean, self.regularizers))

    def _logged(self, views, labels, logits, sample_weight, loss, logs):
        size = ops.shape(labels)[0]
        trackers = {tracker.name: tracker for tracker in self.metrics}
        for name, share in {"loss": loss, **logs}.items():
            value = distribute.unscale_loss_for_distribution(share)
            trackers[name].update_state(value, sample_weight=size)
        metrics = self.compute_metrics(views, labels, logits, sample_weight)
        return _keras.step_logs(metrics)

    def fit(self, x=None, y=None, batch_size=None, *args, **kwargs):
        """Trains as `keras.Model.fit` does, checking every batch on reading.

        Raises:
            ValueError: also during training, for a batch with labels out of
                range, with NaN, with views of different images, or whose size
                does not divide among the replicas.
        """
        expected = _batch_spec.batch_spec(self)
        _replica_checks.replicated_fit(self, x)
        if isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
            kwargs.setdefault("shuffle", False)  # Keras warns otherwise.
        if isinstance(x, tf.data.Dataset):
            checked = _batch_spec.validate(x, expected)
            x = _epoch_reader.mark(distribute.shard_by_batch(checked), x)
        elif y is not None:
            _batch_spec.check_batch((x, y), expected._replace(num_replicas=1))
            held_out = kwargs.get("validation_split") or 0.0
            _replica_checks.divisible_arrays(
                self, y, batch_size or 32, held_out
            )
            distribute.check_shuffle(self, kwargs.get("shuffle", True))
        else:
            x = _python_batches.validate(x, expected)
        try:
            return super().fit(x, y, batch_size, *args, **kwargs)
        except tf.errors.InvalidArgumentError as error:
            raise _batch_spec.as_value_error(error) from None

    def test_step(self, data):
        """Evaluates the inference model on one batch."""
        logs = super().test_step(data)
        return _keras.step_logs(
            {name: logs[name] for name in logs if name not in self.logs}
        )

    def get_metrics_result(self) -> dict:
        """Returns the metrics' values; in evaluation without training logs."""
        results = super().get_metrics_result()
        if tf.executing_eagerly():  # At the end of an epoch.
            for log in self.trackers:
                if float(tf.convert_to_tensor(log.count.value)) == 0:
                    del results[log.name]
        return results
