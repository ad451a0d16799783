"""FixMatch: confident predictions on the weak view label the strong one.

Reference: Sohn et al. 2020, "FixMatch: Simplifying Semi-Supervised Learning
with Consistency and Confidence".
"""

import keras

from kconsist import _checks, distribute, targets
from kconsist._types import FloatOrSchedule
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class FixMatch(ConsistencyTrainer):
    """FixMatch (Sohn et al., 2020): confident pseudo-labels on a strong view.

    L = CE(y, z(labeled)) + λ · mean[1(max p(weak) ≥ τ) · CE(argmax p(weak),
    z(strong))]. The mean is over all unlabeled images, not only the confident
    ones. The pseudo-labels are the student's own, not its average's.

    Views: labeled (weakly augmented); weak and strong of the same unlabeled
    images. The paper has 7 unlabeled images per labeled one, and includes the
    labeled images among the unlabeled ones.
    Collapse: the labels, stop-gradient and the confidence mask.
    Predictions: the running average with `ema_decay`, else the student.
    BatchNorm: all three views in one forward pass and one update of the moving
    statistics, which the average copies.

    Args:
        student: built model from images to logits (batch, classes).
        threshold: confidence (τ) at or above which an image counts. Defaults
            to `0.95`.
        consistency_weight: weight of the second term (λ), a float or a
            schedule. Defaults to `1.0`.
        ema_decay: decay of the average that predicts, without a warm-up as in
            the paper, which uses 0.999. Defaults to `None`, no average.

    Example:
        ```python
        import keras
        from kconsist import FixMatch, data, models, views

        trainer = FixMatch(models.MLP(2), threshold=0.9, ema_decay=0.99)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        train, test = data.load("moons")
        batches = data.semi_supervised(
            train,
            train,
            weak=views.Identity(),
            strong=views.Jitter(radius=0.25),
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/2001.07685, section 2.2, equations 3 and 4.
    """

    views = ("labeled", "weak", "strong")
    logs = ("supervised_loss", "consistency_loss", "mask_rate")

    def __init__(
        self,
        student: keras.Model,
        threshold: float = 0.95,
        consistency_weight: FloatOrSchedule = 1.0,
        ema_decay: float | None = None,
        **kwargs,
    ):
        _checks.in_range("threshold", threshold, 0, 1)
        _checks.weight("consistency_weight", consistency_weight)
        super().__init__(student, ema_decay=ema_decay, **kwargs)
        self.threshold = threshold
        self.consistency_weight = consistency_weight
        self.consistency_loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True
        )

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        logits, weak, strong = self.forward_together(
            views["labeled"], views["weak"], views["strong"]
        )
        pseudo_labels, mask = targets.pseudo_label(weak, self.threshold)

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        # Mean over all unlabeled images, not only the confident ones (eq. 4).
        consistency = self.consistency_loss(
            pseudo_labels, strong, sample_weight=mask
        )
        loss = (
            supervised
            + self.value_at_step(self.consistency_weight) * consistency
        )
        logs = dict(
            supervised_loss=supervised,
            consistency_loss=consistency,
            mask_rate=distribute.scaled_mean(mask),
        )
        return loss, logits, logs
