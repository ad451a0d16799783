"""MCC: reduce the confusion between classes on unlabeled images.

Reference: Jin et al. 2020, "Minimum Class Confusion for Versatile Domain
Adaptation".
"""

import keras

from kconsist import _checks
from kconsist._types import FloatOrSchedule
from kconsist.losses import MinimumClassConfusionLoss
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class MinimumClassConfusion(ConsistencyTrainer):
    """Minimum Class Confusion (Jin et al., 2020).

    L = CE(y, z(labeled)) + μ · MCC(z(weak) / T): the mean off-diagonal mass of
    the batch's class confusion matrix, in which confident predictions weigh
    more; see `kconsist.losses.MinimumClassConfusionLoss`. For domain adaptation
    the labeled images are the source's and the unlabeled ones the target's.

    Views: labeled; weak, one view of the unlabeled images. There is no second
    view: each prediction is pulled toward a single class.
    Collapse: the labels, and the normalization of each class's row.
    Predictions: the student.
    BatchNorm: both domains in one forward pass.

    Args:
        student: built model from images to logits (batch, classes).
        temperature: divides the unlabeled logits (T). Defaults to `2.5`.
        confusion_weight: weight (μ), a float or a schedule. Defaults to `1.0`.

    Example:
        ```python
        import keras
        from kconsist import MinimumClassConfusion, data, models, views

        trainer = MinimumClassConfusion(models.MLP(2))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        train, test = data.load("moons")
        same = views.Identity()
        batches = data.semi_supervised(train, train, weak=same, strong=same)
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1912.03699, section 3.
    """

    views = ("labeled", "weak")
    logs = ("supervised_loss", "confusion_loss")

    def __init__(
        self,
        student: keras.Model,
        temperature: float = 2.5,
        confusion_weight: FloatOrSchedule = 1.0,
        **kwargs,
    ):
        _checks.weight("confusion_weight", confusion_weight)
        super().__init__(student, **kwargs)
        self.temperature = temperature
        self.confusion_weight = confusion_weight
        self.confusion_loss = MinimumClassConfusionLoss(temperature)

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        logits, unlabeled = self.forward_together(
            views["labeled"], views["weak"]
        )
        supervised = self.compute_loss(views, labels, logits, sample_weight)
        confusion = self.confusion_loss(unlabeled)
        loss = (
            supervised + self.value_at_step(self.confusion_weight) * confusion
        )
        logs = dict(supervised_loss=supervised, confusion_loss=confusion)
        return loss, logits, logs
