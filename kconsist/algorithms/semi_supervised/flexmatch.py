"""FlexMatch: FixMatch with a threshold per class, lower for hard classes.

Reference: Zhang et al. 2021, "FlexMatch: Boosting Semi-Supervised Learning with
Curriculum Pseudo Labeling".
"""

import keras

from kconsist import _checks, distribute, targets
from kconsist._types import FloatOrSchedule
from kconsist.layers import DynamicThresholding
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class FlexMatch(ConsistencyTrainer):
    """FlexMatch (Zhang et al., 2021): FixMatch with a threshold per class.

    L = CE(y, z(labeled)) + λ · mean[1(max p(weak) > T(ŷ)) · CE(ŷ, z(strong))],
    ŷ = argmax p(weak), T(c) = M(β(c)) · τ: see
    `kconsist.layers.DynamicThresholding`. At first every threshold is 0 and
    every image counts, as in the paper.

    Views: labeled; weak and strong of the same unlabeled images; index, their
    positions in the unlabeled set: `data.semi_supervised(...,
    with_index=True)`.
    Collapse: the labels, stop-gradient and the confidence mask.
    Predictions: the running average with `ema_decay`, else the student.
    BatchNorm: all three views in one forward pass; the average takes a copy.

    Args:
        student: built model from images to logits (batch, classes).
        num_examples: number of unlabeled images (N).
        threshold: confidence (τ) required for a class that is fully learned.
            Defaults to `0.95`.
        consistency_weight: weight (λ), a float or a schedule. Defaults to
            `1.0`.
        mapping: M, `"linear"`, `"convex"` or `"concave"`. Defaults to
            `"convex"`, the paper's.
        warmup: whether thresholds rise slowly at first, by counting the images
            without a confident class yet. Defaults to `True`.
        ema_decay: decay of the average that predicts; the paper uses 0.999.
            Defaults to `None`, no average.

    Example:
        ```python
        import keras
        from kconsist import FlexMatch, data, models, views

        train, test = data.load("moons")
        trainer = FlexMatch(models.MLP(2), num_examples=len(train.images))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        batches = data.semi_supervised(
            train,
            train,
            weak=views.Identity(),
            strong=views.Jitter(radius=0.25),
            with_index=True,
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/2110.08263, algorithm 1.
    """

    views = ("labeled", "weak", "strong", "index")
    logs = ("supervised_loss", "consistency_loss", "mask_rate")

    def __init__(
        self,
        student: keras.Model,
        num_examples: int,
        threshold: float = 0.95,
        consistency_weight: FloatOrSchedule = 1.0,
        mapping: str = "convex",
        warmup: bool = True,
        ema_decay: float | None = None,
        **kwargs,
    ):
        _checks.weight("consistency_weight", consistency_weight)
        super().__init__(student, ema_decay=ema_decay, **kwargs)
        self.num_examples = num_examples
        self.threshold = threshold
        self.consistency_weight = consistency_weight
        self.mapping = mapping
        self.warmup = warmup
        self.thresholding = DynamicThresholding(
            threshold,
            warmup,
            mapping,
            _checks.known_num_classes(self),
            num_examples,
        )
        self.consistency_loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True
        )

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        logits, weak, strong = self.forward_together(
            views["labeled"], views["weak"], views["strong"]
        )
        pseudo_labels = targets.hard_labels(weak)
        threshold = self.thresholding(pseudo_labels)
        mask = targets.confidence_mask(weak, threshold, inclusive=False)
        # τ itself, not the class's threshold, decides what counts as learned.
        learned = targets.confidence_mask(weak, self.threshold, inclusive=False)
        self.thresholding.update(views["index"], learned, pseudo_labels)

        supervised = self.compute_loss(views, labels, logits, sample_weight)
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
