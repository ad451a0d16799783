"""Temporal ensembling: match the network's predictions of earlier epochs.

Reference: Laine and Aila 2017, "Temporal Ensembling for Semi-Supervised
Learning".
"""

import keras
from keras import ops

from kconsist import _checks
from kconsist._types import FloatOrSchedule
from kconsist.layers import PredictionEnsemble
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class TemporalEnsembling(ConsistencyTrainer):
    """Temporal ensembling (Laine and Aila, 2017): match past predictions.

    L = CE(y, z(labeled)) + w(t) · mean_c (p(weak) - z̃)², where z̃ is the running
    mean of the predictions on the same image: see
    `kconsist.layers.PredictionEnsemble`. One forward pass per image. Images
    seen for the first time have no target and do not count, as in the paper's
    first epoch.

    Views: labeled; weak, one view of the unlabeled images; index, their
    positions in the unlabeled set: `data.semi_supervised(...,
    with_index=True)`. In the paper the unlabeled images include the labeled
    ones.
    Collapse: the labels, stop-gradient and the slow mean.
    Predictions: the student.
    BatchNorm: both views in one forward pass.

    Args:
        student: built model from images to logits (batch, classes).
        num_examples: number of unlabeled images (N).
        decay: decay of the mean (α). Defaults to `0.6`.
        consistency_weight: weight w(t), a float or a schedule; the mean is over
            classes. The paper ramps it up over 80 of 300 epochs, see
            `kconsist.schedules.SigmoidRampUp`, to 30 · M/N for M labels among
            N images, beside a cross-entropy divided by the size of the whole
            batch. Here the cross-entropy is the mean over the labels, N/M times
            as large, so the paper's weight is the constant 30. Defaults to
            `30.0`.

    Example:
        ```python
        import keras
        from kconsist import TemporalEnsembling, data, models, views

        train, test = data.load("moons")
        trainer = TemporalEnsembling(
            models.MLP(2), num_examples=len(train.images)
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        batches = data.semi_supervised(
            train,
            train,
            weak=views.Jitter(radius=0.25),
            strong=views.Identity(),
            with_index=True,
        )
        history = trainer.fit(batches, epochs=2, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1610.02242, section 2.2, algorithm 2.
    """

    views = ("labeled", "weak", "index")
    logs = ("supervised_loss", "consistency_loss")

    def __init__(
        self,
        student: keras.Model,
        num_examples: int,
        decay: float = 0.6,
        consistency_weight: FloatOrSchedule = 30.0,
        **kwargs,
    ):
        _checks.weight("consistency_weight", consistency_weight)
        super().__init__(student, **kwargs)
        self.num_examples = num_examples
        self.decay = decay
        self.consistency_weight = consistency_weight
        self.ensemble = PredictionEnsemble(
            num_examples, _checks.known_num_classes(self), decay
        )
        self.consistency_loss = keras.losses.MeanSquaredError()

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        logits, weak = self.forward_together(views["labeled"], views["weak"])
        predictions = ops.softmax(weak)
        target, seen = self.ensemble(views["index"])
        self.ensemble.update(views["index"], predictions)

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        # Mean over all unlabeled images, including those without a target.
        consistency = self.consistency_loss(
            target, predictions, sample_weight=seen
        )
        loss = (
            supervised
            + self.value_at_step(self.consistency_weight) * consistency
        )
        logs = dict(supervised_loss=supervised, consistency_loss=consistency)
        return loss, logits, logs
