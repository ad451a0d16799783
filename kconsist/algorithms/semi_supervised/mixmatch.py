"""MixMatch: guess labels, sharpen them, and mix all examples.

Reference: Berthelot et al. 2019, "MixMatch: A Holistic Approach to
Semi-Supervised Learning".
"""

import keras
import tensorflow as tf
from keras import ops

from kconsist import _checks, distribute, ema, targets
from kconsist._types import FloatOrSchedule
from kconsist.mixing import mixup, mixup_lambda
from kconsist.trainer import ConsistencyTrainer

_TINY = 1e-30  # Keeps 0 / 0 at 0.


@keras.saving.register_keras_serializable(package="kconsist")
class MixMatch(ConsistencyTrainer):
    """MixMatch (Berthelot et al., 2019): mixup of labels and guessed labels.

    L = mean H(p', softmax z(x')) + λ_U · mean_c (q' - softmax z(u'))². The
    guess q of an unlabeled image is the mean prediction on its two views
    (K = 2), sharpened: q^(1/T) / Σ. All images, labeled or not, form one pool
    W. Each is mixed with another one of the pool, and so are their labels:
    x' = λ'x + (1 - λ')w, λ' = max(λ, 1 - λ), λ ~ Beta(α, α) for each image.

    λ and the permutation are sampled in the step, from `seed` and the step's
    number; Beta comes from a table of its quantiles, so XLA compiles it and any
    pipeline of two views feeds it. With several replicas the pool is the global
    batch. An image of `sample_weight` w contributes to the label and to the
    weight of its mixture with weight w. The supervised loss is the
    cross-entropy of the mixed labels; `evaluate` uses the compiled loss.

    Views: labeled; weak and strong, two weak views of the same unlabeled
    images, which may include the labeled ones. Give the pipeline the same view
    for both.
    Collapse: the labels, stop-gradient on the guessed labels.
    Predictions: the running average with `ema_decay`, else the student.
    BatchNorm: guessing uses its own batch's statistics and updates nothing. All
    mixtures are one batch in one forward pass, which the paper's interleaving
    approximates; it updates the moving statistics once. Training metrics are
    those of the mixed labeled images.

    Args:
        student: built model from images to logits (batch, classes).
        temperature: temperature of the sharpening (T). Defaults to `0.5`.
        alpha: parameter of the Beta distribution (α); 0 turns mixing off.
            Defaults to `0.75`.
        consistency_weight: weight of the second term (λ_U), a float or a
            schedule. The paper ramps it up linearly over 16,000 steps, to 75
            for CIFAR-10 and 250 for SVHN. Defaults to `75.0`.
        ema_decay: decay of the average that predicts, without a warm-up; the
            paper uses 0.999. Defaults to `None`, no average.
        seed: seed of the mixtures. Defaults to `0`.

    Example:
        ```python
        import keras
        from kconsist import MixMatch, data, models, views

        trainer = MixMatch(models.MLP(2), consistency_weight=10.0)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        train, test = data.load("moons")
        jitter = views.Jitter(radius=0.1)
        batches = data.semi_supervised(
            train, train, weak=jitter, strong=jitter, unlabeled_ratio=1
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1905.02249, section 3, algorithm 1.
    """

    views = ("labeled", "weak", "strong")
    logs = ("supervised_loss", "consistency_loss")

    def __init__(
        self,
        student: keras.Model,
        temperature: float = 0.5,
        alpha: float = 0.75,
        consistency_weight: FloatOrSchedule = 75.0,
        ema_decay: float | None = None,
        seed: int = 0,
        **kwargs,
    ):
        _checks.positive("temperature", temperature)
        _checks.in_range("alpha", alpha, 0, float("inf"))
        _checks.weight("consistency_weight", consistency_weight)
        super().__init__(student, ema_decay=ema_decay, **kwargs)
        self.temperature = temperature
        self.alpha = alpha
        self.consistency_weight = consistency_weight
        self.seed = seed
        self.supervised_loss = keras.losses.CategoricalCrossentropy(
            from_logits=True
        )
        self.consistency_loss = keras.losses.MeanSquaredError()

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the mixed labeled logits, the logs."""
        guesses = self.guess_labels(views["weak"], views["strong"])
        labels = targets.class_indices(labels)
        labels = ops.one_hot(labels, guesses.shape[-1], dtype="float32")
        if sample_weight is None:
            sample_weight = ops.ones_like(labels[:, 0])
        ones = ops.ones_like(guesses[:, 0])
        images, labels, counts = self.mixup(
            [views[name] for name in self.views],
            [labels, guesses, guesses],
            [sample_weight, ones, ones],
        )
        logits, *unlabeled = self.forward_together(*images)

        supervised = self.supervised_loss(
            labels[0], logits, sample_weight=counts[0]
        )
        consistency = self.consistency_loss(
            ops.concatenate(labels[1:]),
            ops.softmax(ops.concatenate(unlabeled)),
            sample_weight=ops.concatenate(counts[1:]),
        )
        loss = (
            supervised
            + self.value_at_step(self.consistency_weight) * consistency
        )
        logs = dict(supervised_loss=supervised, consistency_loss=consistency)
        return loss, logits, logs

    def guess_labels(self, weak, strong):
        """Returns the guessed labels (q), float32 tensor (batch, classes)."""
        with ema.preserve(ema.non_trained_weights(self.student, self.student)):
            first, second = self.forward_together(weak, strong)
        mean = (targets.soft_targets(first) + targets.soft_targets(second)) / 2
        return targets.sharpen(mean, self.temperature)

    def mixup(self, images, labels, counts):
        """Returns the three arguments, each mixed within the pool.

        Args:
            images: list of tensors (batch, …), one per view; batch sizes may
                differ.
            labels: list of float32 tensors (batch, classes).
            counts: list of float32 tensors (batch,), weights of the labels.

        Returns:
            Three lists of float32 tensors of the same shapes.
        """
        sizes = [
            ops.shape(view)[0] * distribute.num_replicas() for view in images
        ]
        images, labels, counts = map(pooled, (images, labels, counts))
        lam, permutation = self.sample(sum(sizes))
        images = mixup(images, lam, permutation)
        # A label contributes with the weight of its image.
        labels = mixup(counts[:, None] * labels, lam, permutation)
        counts = mixup(counts, lam, permutation)
        labels = labels / ops.maximum(counts, _TINY)[:, None]
        return [split(pool, sizes) for pool in (images, labels, counts)]

    def sample(self, size):
        """Returns λ' and the permutation of a pool, two tensors (size,)."""
        uniform, order = tf.unstack(
            distribute.stateless_uniform((2, size), (self.seed, self.step))
        )
        return mixup_lambda(uniform, self.alpha), ops.argsort(order)


def pooled(tensors):
    """Returns the rows of a list of tensors, of all replicas, as one tensor."""
    return ops.concatenate(
        [distribute.gather_replicas(ops.cast(t, "float32")) for t in tensors]
    )


def split(pool, sizes):
    """Returns this replica's rows of each tensor that `pooled` took."""
    tensors = tf.split(pool, sizes, num=len(sizes))
    return [distribute.local_shard(tensor) for tensor in tensors]
