"""Knowledge distillation: a student learns a teacher's softened predictions.

Both networks see the same view; the teacher is frozen.

Reference: Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural
Network".
"""

import typing

import keras
import tensorflow as tf
from keras import ops

from kconsist import _checks, distribute, targets
from kconsist.features import with_features
from kconsist.losses import LogitsKLDivergence
from kconsist.trainer import ConsistencyTrainer

# As functions these take probabilities; `LogitsDistillation` passes logits.
_OF_PROBABILITIES = (
    keras.losses.kl_divergence,
    keras.losses.categorical_crossentropy,
    keras.losses.sparse_categorical_crossentropy,
    keras.losses.binary_crossentropy,
)


@keras.saving.register_keras_serializable(package="kconsist")
class Distiller(ConsistencyTrainer):
    """Knowledge distillation (Hinton et al., 2015) on one shared view.

    L = α · CE(y, z_s) + (1 - α) · T² · KL(softmax(z_t/T) ‖ softmax(z_s/T)).

    Differences from `keras.distillation.Distiller`, measured on Keras 3.15:
    there `LogitsDistillation()` takes the divergence of raw logits unless it is
    given a `KLDivergence` object; gradients depend on the number of replicas;
    `sample_weight` and the student's regularizers are dropped; the user's
    teacher is left frozen; comparing features runs the student twice; and a
    loaded model is not compiled.

    Views: images, one for both networks; a batch is plain (images, labels).
    Collapse: the labels and the frozen teacher.
    Predictions: the student.

    Args:
        student: built model from images to logits (batch, classes).
        teacher: built model with the same classes; called with
            `training=False`, neither trained nor changed.
        alpha: weight of the labels' loss (α). Defaults to `0.1`.
        temperature: softens both distributions (T). Defaults to `3.0`.
        distillation_loss: a `keras.distillation` loss instead of Hinton's, for
            example `FeatureDistillation`; it has its own temperature. Sample
            weights multiply its value per example. Defaults to `None`.

    Raises:
        ValueError: also for `LogitsDistillation` with a loss that expects
            probabilities.

    Example:
        ```python
        import keras
        from kconsist import Distiller, data, models

        trainer = Distiller(models.MLP(2), models.MLP(2), temperature=3.0)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        points, labels = data.load("moons")[0]
        history = trainer.fit(points, labels, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1503.02531, section 2.
    """

    views = ("images",)
    logs = ("supervised_loss", "distillation_loss")

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        alpha: float = 0.1,
        temperature: float = 3.0,
        distillation_loss: keras.distillation.DistillationLoss | None = None,
        **kwargs,
    ):
        _checks.in_range("alpha", alpha, 0, 1)
        _checks.positive("temperature", temperature)
        super().__init__(student, teacher, **kwargs)
        self.alpha = alpha
        self.temperature = temperature
        self.distillation_loss: typing.Any = distillation_loss
        self.hinton_loss = LogitsKLDivergence(
            temperature, temperature_squared=True
        )
        if distillation_loss is not None:
            _check_distillation_loss(distillation_loss, teacher, student)
            self._student_features = _with_layer(
                student, getattr(distillation_loss, "student_layer_name", None)
            )
            self._teacher_features = _with_layer(
                teacher, getattr(distillation_loss, "teacher_layer_name", None)
            )

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the student's logits, the logs."""
        images = views["images"]
        if self.distillation_loss is None:
            logits = self.forward(images)
            teacher_logits = self.teacher_logits(images)
            _checks.same_classes(logits, teacher_logits)
            target = targets.soft_targets(teacher_logits, self.temperature)
            distillation = self.hinton_loss(target, logits, sample_weight)
        else:
            logits, distillation = self._keras_distillation(
                images, sample_weight
            )
        supervised = self.compute_loss(views, labels, logits, sample_weight)
        loss = self.alpha * supervised + (1 - self.alpha) * distillation
        logs = dict(supervised_loss=supervised, distillation_loss=distillation)
        return loss, logits, logs

    def _keras_distillation(self, images, sample_weight):
        logits, features = self._student_features(images, training=True)
        _, taught = self._teacher_features(images, training=False)
        self.distillation_loss.validate_outputs(taught, features)
        value = self._weighted(
            ops.stop_gradient(taught), features, sample_weight
        )
        # Only `Loss` objects divide by the number of replicas by themselves.
        if not isinstance(_loss_of(self.distillation_loss), keras.losses.Loss):
            value = distribute.scaled_mean(value)
        return logits, ops.cast(value, "float32")

    def _weighted(self, taught, features, sample_weight):
        compute_loss = self.distillation_loss.compute_loss
        if sample_weight is None:
            return compute_loss(taught, features)

        def of_one(example):
            return compute_loss(*(part[None] for part in example))

        values = tf.vectorized_map(of_one, (taught, features))
        values = ops.cast(sample_weight, values.dtype) * values
        loss = _loss_of(self.distillation_loss)
        summed = getattr(loss, "reduction", None) == "sum"
        return ops.sum(values) if summed else ops.mean(values)


def _check_distillation_loss(distillation_loss, teacher, student):
    if not isinstance(distillation_loss, keras.distillation.DistillationLoss):
        raise ValueError(
            "distillation_loss must be a keras.distillation loss, got "
            f"{type(distillation_loss).__name__}"
        )
    distillation_loss.validate_model_compatibility(teacher, student)
    logits_loss = isinstance(
        distillation_loss, keras.distillation.LogitsDistillation
    )
    if logits_loss and _loss_of(distillation_loss) in _OF_PROBABILITIES:
        raise ValueError(
            "LogitsDistillation passes raw logits to a loss given by name, "
            f"here {_loss_of(distillation_loss).__name__}, which takes "
            "probabilities: pass loss=keras.losses.KLDivergence()"
        )


def _loss_of(distillation_loss):
    return getattr(distillation_loss, "loss", None)


def _with_layer(model, layer_name):
    """Returns a function from images to the logits and a layer's output."""
    layer = None if layer_name is None else model.get_layer(layer_name)
    return with_features(model, None if layer is None else layer.output)
