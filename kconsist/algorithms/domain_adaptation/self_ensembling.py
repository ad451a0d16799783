"""Self-ensembling: Mean Teacher across domains, with a confidence mask.

Reference: French, Mackiewicz, Fisher 2018, "Self-ensembling for visual domain
adaptation".
"""

import keras
from keras import ops

from kconsist import _checks, distribute, ema, targets
from kconsist._types import FloatOrSchedule
from kconsist.losses import ClassBalanceLoss
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class SelfEnsembling(ConsistencyTrainer):
    """Self-ensembling (French et al., 2018): Mean Teacher across domains.

    L = CE(y, z(labeled)) + λ · mean[m · mean_c (p_s - p_t)²] + λ · b · C ·
    mean(m) · B(p_s), m = 1(max p_t > τ). The teacher is the running average of
    the student; B, the class balance, is the binary cross-entropy between the
    uniform distribution and the mean prediction, see
    `kconsist.losses.ClassBalanceLoss`.

    Views: labeled, from the source domain; weak (to the teacher) and strong (to
    the student), two views of images of the target domain.
    Collapse: the labels, stop-gradient, the slow average, the mask and the
    class balance.
    Predictions: the teacher.
    BatchNorm: each domain in its own forward pass, with its own batch
    statistics; the teacher keeps its own moving statistics.

    Args:
        student: built model from images to logits (batch, classes).
        decay: decay of the average (α). Defaults to `0.99`.
        threshold: confidence of the teacher (τ) that an image must exceed.
            Defaults to `0.968`.
        consistency_weight: weight (λ), a float or a schedule. Defaults to
            `3.0`.
        balance_weight: weight of the class balance (b), a float or a schedule.
            Defaults to `0.005`.

    Example:
        ```python
        import keras
        from kconsist import SelfEnsembling, data, models, views

        trainer = SelfEnsembling(models.MLP(2), threshold=0.8)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        source, target = data.load("moons")
        jitter = views.Jitter(radius=0.1)
        batches = data.semi_supervised(
            source, target, weak=jitter, strong=jitter
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1706.05208, section 3.
    """

    views = ("labeled", "weak", "strong")
    logs = ("supervised_loss", "consistency_loss", "balance_loss", "mask_rate")

    def __init__(
        self,
        student: keras.Model,
        decay: float = 0.99,
        threshold: float = 0.968,
        consistency_weight: FloatOrSchedule = 3.0,
        balance_weight: FloatOrSchedule = 0.005,
        **kwargs,
    ):
        _checks.in_range("decay", decay, 0, 1)
        _checks.in_range("threshold", threshold, 0, 1)
        _checks.weight("consistency_weight", consistency_weight)
        _checks.weight("balance_weight", balance_weight)
        super().__init__(student, ema.make_teacher(student), **kwargs)
        self.decay = decay
        self.threshold = threshold
        self.consistency_weight = consistency_weight
        self.balance_weight = balance_weight
        self.consistency_loss = keras.losses.MeanSquaredError()
        self.balance_loss = ClassBalanceLoss(_checks.known_num_classes(self))

    @property
    def inference_model(self) -> keras.Model:
        """The teacher, as in the paper."""
        return self.teacher

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the student's labeled logits and the logs."""
        # One pass per domain, so that their statistics do not mix.
        logits = self.forward(views["labeled"])
        predictions = ops.softmax(self.forward(views["strong"]))
        teacher_logits = self.teacher_logits(views["weak"], training=True)
        mask = targets.confidence_mask(
            teacher_logits, self.threshold, inclusive=False
        )

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = self.consistency_loss(
            targets.soft_targets(teacher_logits),
            predictions,
            sample_weight=mask,
        )
        # The class balance of the batch, weighted by the mask rate.
        balance = self.balance_loss(predictions, sample_weight=mask)
        num_classes = predictions.shape[-1]
        balance_weight = self.value_at_step(self.balance_weight) * num_classes
        loss = supervised + self.value_at_step(self.consistency_weight) * (
            consistency + balance_weight * balance
        )
        logs = dict(
            supervised_loss=supervised,
            consistency_loss=consistency,
            balance_loss=balance,
            mask_rate=distribute.scaled_mean(mask),
        )
        return loss, logits, logs

    def after_step(self) -> None:
        """Updates the average."""
        ema.ema_update(self.teacher, self.student, self.decay, "own")
