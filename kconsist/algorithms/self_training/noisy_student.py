"""Noisy Student: learn a teacher's cached predictions under noise.

Reference: Xie et al. 2020, "Self-training with Noisy Student improves ImageNet
classification".
"""

import keras
import numpy as np
from keras import ops

from kconsist import _checks, targets
from kconsist._types import FloatOrSchedule
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class NoisyStudent(ConsistencyTrainer):
    """Noisy Student (Xie et al., 2020): a noised student of a cached teacher.

    L = CE(y, z(labeled)) + r · mean CE(q, z(strong)), where q is the teacher's
    prediction on the clean image without noise, computed once per generation,
    and r the number of unlabeled images per labeled one: the sum of all losses
    over the number of labeled images.

    One generation: `logits = teacher.predict(images)`, keep and balance the
    images by `kconsist.data.select_pseudo_labels`, train a new student as
    large or larger, with noise in its views and in itself (dropout, stochastic
    depth). The student is then the next teacher: `recipes/noisy_student.py`.

    Views: labeled and strong, both noisy in the paper; index, the positions of
    the strong images in the unlabeled set: `data.semi_supervised(...,
    labeled_view=noise, strong=noise, with_index=True)`.
    Collapse: the labels and the fixed targets.
    Predictions: the student. The paper averages its weights: see
    `kconsist.callbacks.StochasticWeightAveraging`.
    BatchNorm: both views in one forward pass.

    Args:
        student: built model from images to logits (batch, classes), a new one
            in each generation.
        teacher_logits: float array (images, classes), the teacher's logits of
            the unlabeled images, in their order; stored as a float32 weight.
        temperature: divides the teacher's logits, not the student's. Defaults
            to `1.0`.
        hard_labels: whether to learn the most probable class; temperature then
            has no effect. Defaults to `False`, the distribution.
        consistency_weight: weight of the second mean, a float or a schedule.
            Defaults to `None`, r as above.

    Labels are smoothed in the paper: compile with
    `kconsist.losses.SmoothedCrossEntropy(0.1)`.

    Example:
        ```python
        from kconsist import NoisyStudent, data, losses, models, views

        train, test = data.load("moons")
        teacher, noise = models.MLP(2), views.Jitter(radius=0.25)
        logits = teacher.predict(train.images, verbose=0)
        trainer = NoisyStudent(models.MLP(2), logits)
        trainer.compile("adam", losses.SmoothedCrossEntropy(0.1))
        batches = data.semi_supervised(
            train, train, weak=noise, strong=noise, with_index=True
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1911.04252, algorithm 1.
    """

    views = ("labeled", "strong", "index")
    logs = ("supervised_loss", "consistency_loss")
    arguments_as_weights = ("teacher_logits",)

    def __init__(
        self,
        student: keras.Model,
        teacher_logits: np.ndarray,
        temperature: float = 1.0,
        hard_labels: bool = False,
        consistency_weight: FloatOrSchedule | None = None,
        **kwargs,
    ):
        _checks.positive("temperature", temperature)
        if consistency_weight is not None:
            _checks.weight("consistency_weight", consistency_weight)
        super().__init__(student, **kwargs)
        teacher_logits = np.asarray(teacher_logits, "float32")
        _check_logits(teacher_logits, _checks.num_classes(self))
        self.num_examples = len(teacher_logits)
        self.temperature = temperature
        self.hard_labels = hard_labels
        self.consistency_weight = consistency_weight
        self.cached_logits = self.add_weight(
            name="cached_logits",
            shape=teacher_logits.shape,
            dtype="float32",
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.cached_logits.assign(teacher_logits)
        self.consistency_loss = keras.losses.CategoricalCrossentropy(
            from_logits=True
        )

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        logits, strong = self.forward_together(
            views["labeled"], views["strong"]
        )
        cached = ops.take(self.cached_logits, views["index"], axis=0)
        if self.hard_labels:
            target = ops.one_hot(targets.hard_labels(cached), cached.shape[-1])
        else:
            target = targets.soft_targets(cached, self.temperature)

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = self.consistency_loss(target, strong)
        weight = self.consistency_weight
        if weight is None:
            weight = ops.shape(strong)[0] / ops.shape(logits)[0]
        loss = supervised + self.value_at_step(weight) * consistency
        logs = dict(supervised_loss=supervised, consistency_loss=consistency)
        return loss, logits, logs

    def get_config(self) -> dict:
        """Returns the configuration, with the shape of the teacher's logits.

        The logits themselves are a weight.
        """
        shape = list(self.cached_logits.shape)
        return {**super().get_config(), "teacher_logits": shape}

    @classmethod
    def from_config(cls, config: dict):
        """Returns a trainer from what `get_config` returned."""
        config = keras.saving.deserialize_keras_object(config)
        shape = config.pop("teacher_logits")
        return cls(teacher_logits=np.zeros(shape), **config)


def _check_logits(logits, num_classes):
    if logits.ndim != 2 or num_classes not in (None, logits.shape[-1]):
        raise ValueError(
            f"teacher_logits must be (images, {num_classes}), the teacher's "
            f"logits of each unlabeled image, got shape {logits.shape}"
        )
    if not len(logits) or not np.isfinite(logits).all():
        raise ValueError(
            "teacher_logits must be finite, one row for each unlabeled image, "
            f"got {len(logits)} rows and "
            f"{np.sum(~np.isfinite(logits))} numbers that are not finite"
        )
