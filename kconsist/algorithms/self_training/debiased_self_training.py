"""DST: a separate head for pseudo-labels, and a worst-case head to avoid.

Reference: Chen et al. 2022, "Debiased Self-Training for Semi-Supervised
Learning".
"""

import keras

from kconsist import _checks, distribute, features
from kconsist._types import FloatOrSchedule
from kconsist.layers import reverse_gradient
from kconsist.losses import (
    ConfidenceBasedSelfTrainingLoss,
    WorstCaseEstimationLoss,
)
from kconsist.schedules import WarmStart
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class DebiasedSelfTraining(ConsistencyTrainer):
    """Debiased Self-Training (Chen et al., 2022).

    Three heads share the features: the student's own classifier h; h_p, which
    learns the pseudo-labels instead of h; and h_w, the worst head that still
    fits the labels and errs on the unlabeled images, which the features learn
    to rule out.

    L = CE(y, h(labeled)) + λ · mean[1(max p(weak) > τ) · CE(argmax p(weak),
    h_p(strong))] + η · WCE, p = softmax h, and WCE = η' · CE(argmax h(labeled),
    h_w(labeled)) - mean log(1 - softmax(h_w(weak))[argmax h(weak)]): see
    `kconsist.losses.WorstCaseEstimationLoss`. h_w minimizes WCE; the features
    maximize it through a reversed gradient. Wrong pseudo-labels never train h.

    Views: labeled; weak and strong of the same unlabeled images. TLL also
    trains on a strong view of the labeled images, at a weight of 0.1; this does
    not.
    Collapse: the labels, stop-gradient and the confidence mask.
    Predictions: the student, without h_p and h_w.
    BatchNorm: all three views in one forward pass.

    Args:
        student: built functional or sequential model from images to logits
            (batch, classes). The input of its last layer with weights, (batch,
            width), are the features.
        threshold: confidence (τ) that an image must exceed. TLL uses 0.7 with a
            backbone pretrained with labels. Defaults to `0.95`.
        consistency_weight: weight of the pseudo-labels' loss (λ), a float or a
            schedule. Defaults to `1.0`.
        worst_case_weight: weight of WCE (η), a float or a schedule. Defaults to
            `1.0`.
        eta_prime: weight of the labeled images in WCE (η'). Defaults to `2.0`.
        reversal: factor of the reversed gradient, a float or a schedule.
            Defaults to `None`, TLL's `WarmStart(0.1, steps=1000)`.
        width: width of the hidden layer of h_p and h_w. Defaults to `2048`.
        dropout: rate of the dropout after it. Defaults to `0.5`.

    Example:
        ```python
        import keras
        from kconsist import DebiasedSelfTraining, data, models, views

        trainer = DebiasedSelfTraining(models.MLP(2), width=64)
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

    Reference: https://arxiv.org/abs/2202.07136, section 4. TLL:
    `tllib.self_training.dst`.
    """

    views = ("labeled", "weak", "strong")
    logs = (
        "supervised_loss",
        "consistency_loss",
        "worst_case_loss",
        "mask_rate",
    )

    def __init__(
        self,
        student: keras.Model,
        threshold: float = 0.95,
        consistency_weight: FloatOrSchedule = 1.0,
        worst_case_weight: FloatOrSchedule = 1.0,
        eta_prime: float = 2.0,
        reversal: FloatOrSchedule | None = None,
        width: int = 2048,
        dropout: float = 0.5,
        **kwargs,
    ):
        reversal = WarmStart(0.1, steps=1000) if reversal is None else reversal
        _checks.weight("consistency_weight", consistency_weight)
        _checks.weight("worst_case_weight", worst_case_weight)
        _checks.weight("reversal", reversal)
        _checks.positive_integer("width", width)
        super().__init__(student, **kwargs)
        self.threshold = threshold
        self.consistency_weight = consistency_weight
        self.worst_case_weight = worst_case_weight
        self.eta_prime = eta_prime
        self.reversal = reversal
        self.width = width
        self.dropout = dropout
        self.backbone, self.classifier = features.split(student)
        self.pseudo_head = self.new_head()
        self.worst_head = self.new_head()
        self.heads = (self.pseudo_head, self.worst_head)
        self.consistency_loss = ConfidenceBasedSelfTrainingLoss(threshold)
        self.worst_case_loss = WorstCaseEstimationLoss(eta_prime)

    def new_head(self) -> keras.Model:
        """Returns a head from features to logits, with one hidden layer."""
        policy = self.student.dtype_policy
        return keras.Sequential(
            [
                keras.Input(self.backbone.output_shape[1:]),
                keras.layers.Dense(self.width, activation="relu", dtype=policy),
                keras.layers.Dropout(self.dropout, dtype=policy),
                keras.layers.Dense(self.output_shape[-1], dtype="float32"),
            ]
        )

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        labeled, weak, strong = self.forward_together(
            *(views[name] for name in self.views), network=self.backbone
        )
        logits = features.classify(self.classifier, labeled)
        weak_logits = features.classify(self.classifier, weak)
        mask, _ = self.consistency_loss.select(weak_logits)

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = self.consistency_loss(
            self.forward(strong, self.pseudo_head), weak_logits
        )
        worst_labeled, worst_weak = (
            self.forward(self.reversed(part), self.worst_head)
            for part in (labeled, weak)
        )
        worst_case = self.worst_case_loss(
            logits, worst_labeled, weak_logits, worst_weak
        )
        loss = (
            supervised
            + self.value_at_step(self.consistency_weight) * consistency
            + self.value_at_step(self.worst_case_weight) * worst_case
        )
        logs = dict(
            supervised_loss=supervised,
            consistency_loss=consistency,
            worst_case_loss=worst_case,
            mask_rate=distribute.scaled_mean(mask),
        )
        return loss, logits, logs

    def reversed(self, found):
        """Returns the features, whose gradient is reversed."""
        return reverse_gradient(found, self.value_at_step(self.reversal))
