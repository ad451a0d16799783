"""UDA: match a sharpened prediction, and leave out labels already learned.

Reference: Xie et al. 2020, "Unsupervised Data Augmentation for Consistency
Training".
"""

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kconsist import _checks, distribute, targets
from kconsist._types import FloatOrSchedule
from kconsist.losses import EntropyLoss, StrongWeakConsistencyLoss
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class UDA(ConsistencyTrainer):
    """UDA (Xie et al., 2020): the strong view matches the sharpened weak one.

    L = CE(y, z(labeled)) + λ · mean[1(max p(weak) > β) · KL(softmax(z(weak)/τ)
    ‖ softmax(z(strong)))]. The temperature sharpens the target, not the
    student, and the mask uses the prediction before it is sharpened. With
    signal annealing, labeled images whose true class is already above η(t)
    are left out, and the mean is over the others. With an entropy weight c,
    c · mean H(p(weak)) is added, as in the authors' code.

    Views: labeled; weak and strong of the same unlabeled images.
    Collapse: the labels, stop-gradient and the confidence mask.
    Predictions: the running average with `ema_decay`, else the student.
    BatchNorm: all three views in one forward pass; the average copies.

    Args:
        student: built model from images to logits (batch, classes).
        consistency_weight: weight (λ), a float or a schedule. Defaults to
            `1.0`.
        temperature: divides the logits of the target (τ); 0.4 on ImageNet and
            0.9 for 250 labels of CIFAR-10 in the authors' runs. Defaults to
            `1.0`.
        threshold: confidence (β) that an image must exceed; 0.8 in the same
            runs. Defaults to `0.0`, every image.
        signal_annealing: η(t), a schedule such as
            `kconsist.schedules.TrainingSignalAnnealing`, or `None`. Defaults
            to `None`.
        entropy_weight: weight (c) of the entropy of the weak view's
            predictions, a float or a schedule; 0.1 for 500 to 2,000 labels of
            CIFAR-10 in the authors' runs. Defaults to `0.0`.
        ema_decay: decay of the average that predicts. The authors' code uses
            0.9999 with the warm-up `"num_updates"`. Defaults to `None`, no
            average.
        ema_warmup: warm-up of the average, see `kconsist.ema.decay_at`.
            Defaults to `"num_updates"`.

    Example:
        ```python
        import keras
        from kconsist import UDA, data, models, views

        trainer = UDA(models.MLP(2), temperature=0.4, threshold=0.8)
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

    Reference: https://arxiv.org/abs/1904.12848, sections 2.2 and 2.3.
    """

    views = ("labeled", "weak", "strong")
    logs = ("supervised_loss", "consistency_loss", "entropy", "mask_rate")

    def __init__(
        self,
        student: keras.Model,
        consistency_weight: FloatOrSchedule = 1.0,
        temperature: float = 1.0,
        threshold: float = 0.0,
        signal_annealing: LearningRateSchedule | None = None,
        entropy_weight: FloatOrSchedule = 0.0,
        ema_decay: float | None = None,
        ema_warmup: str | None = "num_updates",
        **kwargs,
    ):
        _checks.weight("consistency_weight", consistency_weight)
        _checks.positive("temperature", temperature)
        _checks.in_range("threshold", threshold, 0, 1)
        if signal_annealing is not None:
            _checks.weight("signal_annealing", signal_annealing)
        _checks.weight("entropy_weight", entropy_weight)
        super().__init__(
            student, ema_decay=ema_decay, ema_warmup=ema_warmup, **kwargs
        )
        self.consistency_weight = consistency_weight
        self.temperature = temperature
        self.threshold = threshold
        self.signal_annealing = signal_annealing
        self.entropy_weight = entropy_weight
        self.consistency_loss = StrongWeakConsistencyLoss(
            threshold, temperature, sharpen="weak", mean_over="all"
        )
        self.entropy_loss = EntropyLoss()

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        logits, weak, strong = self.forward_together(
            views["labeled"], views["weak"], views["strong"]
        )
        mask = targets.confidence_mask(weak, self.threshold, inclusive=False)

        sample_weight = self.annealed(labels, logits, sample_weight)
        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = self.consistency_loss(strong, weak)
        entropy = self.entropy_loss(weak)
        loss = (
            supervised
            + self.value_at_step(self.consistency_weight) * consistency
            + self.value_at_step(self.entropy_weight) * entropy
        )
        logs = dict(
            supervised_loss=supervised,
            consistency_loss=consistency,
            entropy=entropy,
            mask_rate=distribute.scaled_mean(mask),
        )
        return loss, logits, logs

    def annealed(self, labels, logits, sample_weight):
        """Returns weights of 0 for labels already learned (section 2.3).

        The other weights grow, so that the mean over all replicas is the mean
        over the labels that remain.
        """
        if self.signal_annealing is None:
            return sample_weight
        ceiling = self.value_at_step(self.signal_annealing)
        mask = targets.tsa_mask(logits, labels, ceiling)
        rate = distribute.sum_over_replicas(distribute.scaled_mean(mask))
        weight = mask / ops.maximum(rate, 1e-7)
        return weight if sample_weight is None else weight * sample_weight
