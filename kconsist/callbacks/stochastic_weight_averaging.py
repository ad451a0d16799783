"""Averages the weights over the course of training."""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from kconsist import _checks
from kconsist.callbacks._executions import check_executions
from kconsist.data._autotuning import without_autotuning


class StochasticWeightAveraging(keras.callbacks.Callback):
    """Replaces the weights by their mean over training, when training ends.

    The mean is over the weights at the end of each epoch from `start_epoch` on,
    or at every `period`-th step. The averaged weights of a network with
    BatchNorm require new moving statistics: they are computed from
    `batch_norm_data`, as the mean of the batch statistics in training mode.
    With a `ConsistencyTrainer` the student is averaged.

    Args:
        start_epoch: first epoch, from 0, whose weights are averaged. Defaults
            to `0`.
        period: number of steps between samples of the weights; `None` samples
            at the end of each epoch. It must be a multiple of
            `steps_per_execution`, because weights can be read only between
            executions. Defaults to `None`.
        batch_norm_data: batches of images, or of (images, …), as trained on;
            required if the model has BatchNorm. Defaults to `None`.
        batch_norm_steps: maximum number of its batches to read. Defaults to
            `100`.

    Raises:
        ValueError: when training begins, the model has BatchNorm and
            `batch_norm_data` is not given, or the period ends within an
            execution; when training ends, no weights were averaged.

    Example:
        ```python
        import keras
        from kconsist import callbacks, data, models

        (points, labels), _ = data.load("moons")
        model = models.MLP(2)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        averaging = callbacks.StochasticWeightAveraging(start_epoch=1)
        history = model.fit(
            points, labels, epochs=3, callbacks=[averaging], verbose=0
        )
        ```

    Reference: Izmailov et al. 2018, https://arxiv.org/abs/1803.05407,
    algorithm 1.
    """

    def __init__(
        self,
        start_epoch: int = 0,
        period: int | None = None,
        batch_norm_data: Iterable | None = None,
        batch_norm_steps: int = 100,
    ):
        super().__init__()
        if start_epoch < 0:
            raise ValueError(
                f"start_epoch must be 0 or more, got {start_epoch}"
            )
        if period is not None:
            _checks.positive("period", period)
        _checks.positive("batch_norm_steps", batch_norm_steps)
        self.start_epoch = start_epoch
        self.period = period
        self.batch_norm_data = batch_norm_data
        self.batch_norm_steps = batch_norm_steps

    @property
    def _averaged(self):
        return getattr(self.model, "student", self.model)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Starts a new mean."""
        if self.batch_norm_data is None and _batch_norms(self._averaged):
            raise ValueError(
                f"model {self._averaged.name!r} has BatchNorm, whose moving "
                "statistics do not match averaged weights: pass "
                "batch_norm_data, batches of the images that it is trained on"
            )
        if self.period is not None:
            self._check_period()
        self.count = self._steps = self._epoch = 0
        self.mean: list | None = None

    def _check_period(self):
        check_executions(self)
        steps = self.model.steps_per_execution
        if self.period % steps:
            raise ValueError(
                f"period must be a multiple of steps_per_execution={steps}, "
                f"got {self.period}: weights can be read only between "
                "executions"
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Stores the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Samples the weights at every `period`-th step."""
        if self.period is None or self._epoch < self.start_epoch:
            return
        self._steps += self.model.steps_per_execution
        if self._steps % self.period == 0:
            self._sample()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Samples the weights if there is no period."""
        if self.period is None and epoch >= self.start_epoch:
            self._sample()

    def _sample(self):
        weights = [v.numpy() for v in self._averaged.trainable_variables]
        self.count += 1
        if self.mean is None:
            self.mean = [w.astype("float64") for w in weights]
        for mean, value in zip(self.mean, weights, strict=True):
            mean += (value - mean) / self.count

    def on_train_end(self, logs: dict | None = None) -> None:
        """Sets the weights to their mean; updates BatchNorm's statistics."""
        if self.mean is None:
            raise ValueError(
                f"no weights were averaged: start_epoch={self.start_epoch} and "
                f"period={self.period} were not reached; the model keeps its "
                "last weights. Train longer, or choose smaller values"
            )
        variables = self._averaged.trainable_variables
        for variable, mean in zip(variables, self.mean, strict=True):
            variable.assign(mean.astype(np.float32))
        if _batch_norms(self._averaged):
            estimate_batch_norm(
                self._averaged, self.batch_norm_data, self.batch_norm_steps
            )


def _batch_norms(model):
    """Returns the BatchNorm layers of a model, nested ones included."""
    norms, layers = [], list(getattr(model, "layers", ()))
    while layers:
        layer = layers.pop()
        layers.extend(getattr(layer, "layers", ()))
        if isinstance(layer, keras.layers.BatchNormalization):
            norms.append(layer)
    return norms


def estimate_batch_norm(
    model: keras.Model, batches: Iterable, steps: int | None = 100
) -> None:
    """Sets BatchNorm's moving statistics to the mean of batch statistics.

    Args:
        model: its BatchNorm layers get new moving statistics, the plain mean
            over batches in training mode; nothing else changes.
        batches: iterable of images (batch, …), or of (images, …) tuples.
        steps: maximum number of batches to read, `None` for all. Defaults to
            `100`.

    Raises:
        ValueError: there is no batch, or batches are dicts of views.

    Reference: https://arxiv.org/abs/1803.05407, algorithm 1, last line.
    """
    norms = _batch_norms(model)
    statistics = [v for n in norms for v in n.non_trainable_variables]
    momenta = [norm.momentum for norm in norms]
    forward = tf.function(lambda images: model(images, training=True))
    sums, count = [np.zeros(v.shape) for v in statistics], 0
    try:
        # Without momentum a forward pass stores its own batch statistics.
        for norm in norms:
            norm.momentum = 0.0
        for batch in without_autotuning(batches):
            forward(_images(batch))
            for total, variable in zip(sums, statistics, strict=True):
                total += variable.numpy()
            count += 1
            if count == steps:
                break
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    if not count:
        raise ValueError("batch_norm_data must have at least one batch, got 0")
    for variable, total in zip(statistics, sums, strict=True):
        variable.assign((total / count).astype(np.float32))


def _images(batch):
    images = batch[0] if isinstance(batch, (tuple, list)) else batch
    if isinstance(images, dict):
        raise ValueError(
            "batch_norm_data must be batches of images or (images, …), got the "
            f"views {sorted(images)}: map them to the images it is trained on"
        )
    return images
