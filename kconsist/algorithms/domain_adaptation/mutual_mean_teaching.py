"""Mutual Mean-Teaching: two students, each taught by the other's average.

Reference: Ge, Chen, Li 2020, "Mutual Mean-Teaching: Pseudo Label Refinery for
Unsupervised Domain Adaptation on Person Re-identification".
"""

import keras
import numpy as np
from keras import ops

from kconsist import _checks, ema
from kconsist._types import OptimizerLike
from kconsist.features import l2_normalize, with_features
from kconsist.losses import SoftCrossEntropyLoss, SoftTripletLoss
from kconsist.trainer import ConsistencyTrainer, _optimizers


@keras.saving.register_keras_serializable(package="kconsist")
class MutualMeanTeaching(ConsistencyTrainer):
    """Mutual Mean-Teaching (Ge et al., 2020), on clusters as labels.

    L_1 = (1 - a) CE(y, z_1) + a H(z'_2, z_1) + w [(1 - b) tri(f_1) + b
    tri(f_1, f'_2)], and L_2 with 1 and 2 exchanged. z and f are the logits and
    the features of a student, z' and f' those of its average, on its own view.
    The labels y are clusters of the images, recomputed in each epoch by
    `kconsist.callbacks.ClusterLabels`; `tri` is `SoftTripletLoss`, with hard
    targets or with the other student's average as its target.

    The students start from different weights; in the paper, from training on
    another domain with different seeds. The features are the input of a
    student's last layer, a `keras.layers.Dense` with one unit per cluster. Both
    students have features of the same width.

    Views: first and second of the same images, several per cluster:
    `data.class_balanced`.
    Collapse: the clusters, stop-gradient and the slow average of the other
    student.
    Predictions: the average of the first student.
    BatchNorm: all four networks use batch statistics; each average keeps its
    own moving statistics.

    Args:
        student: built model from images to logits (batch, clusters).
        peer: the second student.
        peer_optimizer: the peer's own optimizer, or its name.
        soft_weight: weight (a) of the other average's predictions; the labels'
            is 1 - a. Defaults to `0.5`.
        soft_triplet_weight: the same (b) for the triplets. Defaults to `0.8`.
        triplet_weight: weight (w) of both triplet terms. Defaults to `1.0`.
        decay: decay of the averages, with the warm-up `"mean"`. Defaults to
            `0.999`.

    The paper smooths the labels: compile with
    `kconsist.losses.SmoothedCrossEntropy(0.1)`.

    Example:
        ```python
        from kconsist import MutualMeanTeaching, callbacks, data, losses
        from kconsist import models, views

        points = data.load("moons")[0].images
        trainer = MutualMeanTeaching(models.MLP(8), models.MLP(8), "adam")
        trainer.compile("adam", losses.SmoothedCrossEntropy(0.1))
        clusters = callbacks.ClusterLabels(points)
        batches = data.class_balanced(
            (points, clusters.labels), view=views.Jitter(radius=0.1)
        )
        history = trainer.fit(batches, callbacks=[clusters], verbose=0)
        ```

    Reference: https://arxiv.org/abs/2001.01526, sections 3.2 and 3.3.
    """

    views = ("first", "second")
    logs = ("supervised_loss", "consistency_loss", "triplet_loss", "peer_loss")

    def __init__(
        self,
        student: keras.Model,
        peer: keras.Model,
        peer_optimizer: OptimizerLike,
        soft_weight: float = 0.5,
        soft_triplet_weight: float = 0.8,
        triplet_weight: float = 1.0,
        decay: float = 0.999,
        **kwargs,
    ):
        _checks.in_range("soft_weight", soft_weight, 0, 1)
        _checks.in_range("soft_triplet_weight", soft_triplet_weight, 0, 1)
        _checks.weight("triplet_weight", triplet_weight)
        _checks.in_range("decay", decay, 0, 1)
        _checks.trainable_model(student)
        _checks.trainable_model(peer, "peer")
        _checks.teacher(peer, student, "peer")
        _check_heads(student, peer)
        super().__init__(student, ema.make_teacher(student), **kwargs)
        self.peer = peer
        self.peer_teacher = ema.make_teacher(peer)
        self.peer_optimizer = _optimizers.built(peer_optimizer, peer)
        self.soft_weight = soft_weight
        self.soft_triplet_weight = soft_triplet_weight
        self.triplet_weight = triplet_weight
        self.decay = decay
        self.num_updates = ema.new_counter(self)
        self.num_peer_updates = ema.new_counter(self, "num_peer_updates")
        self.soft_loss = SoftCrossEntropyLoss()
        self.triplet_loss = SoftTripletLoss(margin=0.0)
        self.soft_triplet_loss = SoftTripletLoss()
        self._students = [_with_features(n) for n in (student, peer)]
        self._averages = [
            _with_features(n) for n in (self.teacher, self.peer_teacher)
        ]

    @property
    def inference_model(self) -> keras.Model:
        """The average of the first student."""
        return self.teacher

    def update(self, views, labels, sample_weight=None):
        """Makes the student's step, then the peer's with its average."""
        batch = views, labels, sample_weight
        loss, logits, logs = super().update(*batch)
        step = ops.copy(self.peer_optimizer.iterations)
        logs["peer_loss"], *_ = self.minimize(
            lambda: self.mutual(1, *batch), self.peer, self.peer_optimizer
        )
        _optimizers.call_after_step(
            self.peer_optimizer, step, self.after_peer_step
        )
        return loss, logits, logs

    def objective(self, views, labels, sample_weight=None):
        """Returns the student's loss, its logits, its logs."""
        return self.mutual(0, views, labels, sample_weight)

    def mutual(self, number, views, labels, sample_weight=None):
        """Returns the loss, the logits and the logs of one of the students."""
        other = 1 - number
        mine, others = (views[self.views[n]] for n in (number, other))
        logits, own_features = self._students[number](mine, training=True)
        targets, target_features = map(
            ops.stop_gradient, self._averages[other](others, training=True)
        )

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = self.soft_loss(logits, targets)
        a, b = self.soft_weight, self.soft_triplet_weight
        hard = self.triplet_loss(own_features, own_features, labels)
        soft = self.soft_triplet_loss(own_features, target_features, labels)
        triplet = (1 - b) * hard + b * soft
        loss = (
            (1 - a) * supervised
            + a * consistency
            + self.value_at_step(self.triplet_weight) * triplet
        )
        logs = dict(
            supervised_loss=supervised,
            consistency_loss=consistency,
            triplet_loss=triplet,
        )
        return loss, logits, logs

    def after_step(self) -> None:
        """Updates the student's average."""
        alpha = ema.decay_at(self.num_updates, self.decay, "mean")
        ema.ema_update(self.teacher, self.student, alpha, "own")
        self.num_updates.assign_add(1)

    def after_peer_step(self) -> None:
        """Updates the peer's average, after a step of the peer's optimizer."""
        alpha = ema.decay_at(self.num_peer_updates, self.decay, "mean")
        ema.ema_update(self.peer_teacher, self.peer, alpha, "own")
        self.num_peer_updates.assign_add(1)

    def features(self, images, batch_size: int = 256):
        """Returns the features to cluster: the mean of both averages'.

        Args:
            images: array (images, …).
            batch_size: images per forward pass. Defaults to `256`.

        Returns:
            float32 array (images, features), the mean of two normalized
            vectors.
        """
        return np.concatenate(
            [
                sum(
                    l2_normalize(average(images[start : start + batch_size])[1])
                    for average in self._averages
                )
                / 2
                for start in range(0, len(images), batch_size)
            ]
        )

    def start_heads(self, centers) -> None:
        """Initializes all four heads with the normalized cluster centers.

        Args:
            centers: float array (clusters, features).
        """
        kernel = ops.transpose(l2_normalize(centers))
        for network in (
            self.student,
            self.peer,
            self.teacher,
            self.peer_teacher,
        ):
            head = network.layers[-1]
            head.kernel.assign(kernel)
            if head.use_bias:
                head.bias.assign(ops.zeros_like(head.bias))


def _check_heads(student, peer):
    shapes = []
    for network in (student, peer):
        head = network.layers[-1]
        functional = getattr(network, "inputs", None)
        if not functional or not isinstance(head, keras.layers.Dense):
            raise ValueError(
                f"{network.name!r} must be a functional or Sequential model "
                "that ends in a keras.layers.Dense, whose input is the "
                f"features, got {type(network).__name__} with "
                f"{type(head).__name__}"
            )
        shapes.append(tuple(head.kernel.shape))
    if shapes[0] != shapes[1]:
        raise ValueError(
            "student and peer must have last layers of one shape (features, "
            f"clusters), got {shapes[0]} and {shapes[1]}"
        )


def _with_features(network):
    """Returns a function from images to the logits and the head's input."""
    return with_features(network, network.layers[-1].input)
