"""Mean Teacher: the teacher is the running average of the student.

The student learns from the labels and from its average's predictions on
another view.

Reference: Tarvainen and Valpola 2017, "Mean teachers are better role models".
"""

import contextlib

import keras
from keras import ops

from kconsist import _checks, ema, targets
from kconsist._types import FloatOrSchedule
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class MeanTeacher(ConsistencyTrainer):
    """Mean Teacher (Tarvainen and Valpola, 2017): match one's own average.

    L = CE(y, z_s) + w(t) · mean_c (p_s - p_t)², θ_t ← αθ_t + (1 - α)θ_s after
    each step. The teacher sees the weak view and the student the strong one.
    In the paper both come from the same augmentation: give one view for both.

    Views: labeled, weak (to the teacher), strong (to the student). In the paper
    the unlabeled images include the labeled ones.
    Collapse: the labels, stop-gradient and the slow average.
    Predictions: the teacher.
    BatchNorm: the student sees labeled and strong images in one batch.

    Args:
        student: built model from images to logits (batch, classes).
        decay: decay of the average (α). Defaults to `0.999`.
        consistency_weight: weight w(t), a float or a schedule; the mean is
            over classes, as in the paper. The papers ramp it up, see
            `kconsist.schedules.SigmoidRampUp`. Defaults to `50.0`.
        warmup: warm-up of the average, see `kconsist.ema.decay_at`. Defaults
            to `"mean"`.
        batch_norm: the teacher's moving statistics: its `"own"`, from its
            forward passes; a `"copy"` of the student's; or their `"ema"`.
            Defaults to `"own"`.
        teacher_training: whether to call the teacher in training mode, with
            dropout and batch statistics, as in the paper. Defaults to `True`.

    Example:
        ```python
        import keras
        from kconsist import MeanTeacher, data, models, views

        trainer = MeanTeacher(models.MLP(2), consistency_weight=10.0)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        train, test = data.load("moons")
        jitter = views.Jitter(radius=0.25)
        batches = data.semi_supervised(
            train, train, weak=jitter, strong=jitter
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1703.01780, section 2.
    """

    views = ("labeled", "weak", "strong")
    logs = ("supervised_loss", "consistency_loss")

    def __init__(
        self,
        student: keras.Model,
        decay: float = 0.999,
        consistency_weight: FloatOrSchedule = 50.0,
        warmup: str | None = "mean",
        batch_norm: str = "own",
        teacher_training: bool = True,
        **kwargs,
    ):
        _checks.in_range("decay", decay, 0, 1)
        _checks.weight("consistency_weight", consistency_weight)
        _checks.one_of("warmup", warmup, ema.WARMUPS)
        _checks.one_of("batch_norm", batch_norm, ema.BATCH_NORM_POLICIES)
        if batch_norm == "own" and not teacher_training:
            raise ValueError(
                "batch_norm='own' requires teacher_training=True: a teacher in "
                "inference mode never updates its statistics"
            )
        super().__init__(student, ema.make_teacher(student), **kwargs)
        self.decay = decay
        self.consistency_weight = consistency_weight
        self.warmup = warmup
        self.batch_norm = batch_norm
        self.teacher_training = teacher_training
        self.num_updates = ema.new_counter(self)
        self.consistency_loss = keras.losses.MeanSquaredError()

    @property
    def inference_model(self) -> keras.Model:
        """The teacher, as in the paper."""
        return self.teacher

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the student's labeled logits and the logs."""
        logits, student_logits = self.forward_together(
            views["labeled"], views["strong"]
        )
        with self._teacher_statistics():
            teacher_logits = self.teacher_logits(
                views["weak"], self.teacher_training
            )

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = self.consistency_loss(
            targets.soft_targets(teacher_logits), ops.softmax(student_logits)
        )
        loss = (
            supervised
            + self.value_at_step(self.consistency_weight) * consistency
        )
        logs = dict(supervised_loss=supervised, consistency_loss=consistency)
        return loss, logits, logs

    def after_step(self) -> None:
        """Updates the average."""
        alpha = ema.decay_at(self.num_updates, self.decay, self.warmup)
        ema.ema_update(self.teacher, self.student, alpha, self.batch_norm)
        self.num_updates.assign_add(1)

    def _teacher_statistics(self):
        if self.batch_norm == "own":
            return contextlib.nullcontext()
        return ema.preserve(ema.non_trained_weights(self.teacher, self.student))
