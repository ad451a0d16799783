"""Pseudo-Label: the network's own predictions as labels.

Reference: Lee 2013, "Pseudo-Label: The Simple and Efficient Semi-Supervised
Learning Method for Deep Neural Networks".
"""

import keras

from kconsist import _checks, distribute, targets
from kconsist._types import FloatOrSchedule
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class PseudoLabel(ConsistencyTrainer):
    """Pseudo-Label (Lee, 2013): learn one's own most probable classes.

    L = CE(y, z(labeled)) + α(t) · mean[1(max p ≥ τ) · CE(argmax p, z)], where p
    and z are the prediction and the logits on the same unlabeled view; the mean
    is over all unlabeled images. It lowers the entropy of the predictions.

    Views: labeled; weak, one view of the unlabeled images.
    Collapse: the labels, stop-gradient on pseudo-label and mask.
    Predictions: the student.
    BatchNorm: both views in one forward pass.

    Args:
        student: built model from images to logits (batch, classes).
        threshold: confidence (τ) at or above which an image counts. The paper
            has none; later code uses 0.95. Defaults to `0.0`.
        consistency_weight: weight α(t), a float or a schedule. The paper ramps
            it from 0 at T1 to 3 at T2:
            `kconsist.schedules.LinearRampUp(3.0, steps=T2, start=T1)`. Defaults
            to `3.0`.

    Example:
        ```python
        import keras
        from kconsist import PseudoLabel, data, models, views

        trainer = PseudoLabel(models.MLP(2), threshold=0.95)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        train, test = data.load("moons")
        jitter = views.Jitter(radius=0.1)
        batches = data.semi_supervised(
            train, train, weak=jitter, strong=views.Identity()
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: Lee 2013, ICML workshop on challenges in representation learning,
    equations 15 and 16.
    """

    views = ("labeled", "weak")
    logs = ("supervised_loss", "consistency_loss", "mask_rate")

    def __init__(
        self,
        student: keras.Model,
        threshold: float = 0.0,
        consistency_weight: FloatOrSchedule = 3.0,
        **kwargs,
    ):
        _checks.in_range("threshold", threshold, 0, 1)
        _checks.weight("consistency_weight", consistency_weight)
        super().__init__(student, **kwargs)
        self.threshold = threshold
        self.consistency_weight = consistency_weight
        self.consistency_loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True
        )

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        logits, weak = self.forward_together(views["labeled"], views["weak"])
        pseudo_labels, mask = targets.pseudo_label(weak, self.threshold)

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = self.consistency_loss(
            pseudo_labels, weak, sample_weight=mask
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
