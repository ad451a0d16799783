"""VAT: consistency under the worst perturbation within a ball.

Reference: Miyato et al. 2018, "Virtual Adversarial Training: A Regularization
Method for Supervised and Semi-Supervised Learning".
"""

import keras
import tensorflow as tf
from keras import ops

from kconsist import _checks, distribute, ema, targets
from kconsist._types import FloatOrSchedule
from kconsist.features import l2_normalize
from kconsist.losses import EntropyLoss, LogitsKLDivergence
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class VAT(ConsistencyTrainer):
    """VAT (Miyato et al., 2018): virtual adversarial training.

    L = CE(y, z(labeled)) + λ · mean KL(p(x) ‖ p(x + r)) + λ_H · mean H(p(x)),
    where r, of length ε, points where the divergence grows fastest, found by
    power iteration from a random direction. p(x) in the divergence is a target:
    no gradient flows through it.

    Views: labeled; weak, one view of the unlabeled images, which may include
    the labeled ones. The student's own gradient makes the second view.
    Collapse: the labels, stop-gradient on the target.
    Predictions: the student.
    BatchNorm: only the labeled pass updates the moving statistics; every other
    pass uses its own batch's. Dropout masks are the same in the passes that are
    compared.

    Args:
        student: built model from images to logits (batch, classes).
        epsilon: length of the perturbation (ε), Euclidean, in the units of the
            student's input. The papers' 6 to 10 are for CIFAR-10 images scaled
            to about [-1, 1]; for inputs from 0 to 255 multiply by 127.5.
        consistency_weight: weight (λ), a float or a schedule. Defaults to
            `1.0`.
        entropy_weight: weight of the predictions' entropy (λ_H), 1 in the
            paper's VAT+EntMin. Defaults to `0.0`.
        num_iterations: power iterations (K). Defaults to `1`.
        xi: length (ξ) of the probe at which the divergence is differentiated.
            The paper's 1e-6 is lost to rounding in float32. Defaults to `None`,
            a tenth of `epsilon`.
        seed: seed of the random directions. Defaults to `0`.

    Example:
        ```python
        import keras
        from kconsist import VAT, data, models, views

        trainer = VAT(models.MLP(2), epsilon=0.2)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        train, test = data.load("moons")
        same = views.Identity()
        batches = data.semi_supervised(train, train, weak=same, strong=same)
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1704.03976, sections 3.1 to 3.3.
    """

    views = ("labeled", "weak")
    logs = ("supervised_loss", "consistency_loss", "entropy")

    def __init__(
        self,
        student: keras.Model,
        epsilon: float,
        consistency_weight: FloatOrSchedule = 1.0,
        entropy_weight: float = 0.0,
        num_iterations: int = 1,
        xi: float | None = None,
        seed: int = 0,
        **kwargs,
    ):
        _checks.positive("epsilon", epsilon)
        _checks.weight("consistency_weight", consistency_weight)
        _checks.weight("entropy_weight", entropy_weight)
        _checks.positive_integer("num_iterations", num_iterations)
        if xi is not None:
            _checks.positive("xi", xi)
        super().__init__(student, **kwargs)
        self.epsilon = epsilon
        self.consistency_weight = consistency_weight
        self.entropy_weight = entropy_weight
        self.num_iterations = num_iterations
        self.xi = xi
        self.seed = seed
        self.divergence = LogitsKLDivergence()
        self.entropy_loss = EntropyLoss()

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        images = ops.cast(views["weak"], "float32")
        clean = self.forward_frozen_stats(images)
        if self.entropy_weight == 0.0:  # Saves a backward pass.
            clean = ops.stop_gradient(clean)
        target = targets.soft_targets(clean)
        adversarial = self.perturbation(images, target)
        # Only the labeled pass, the last one, updates BatchNorm and the seeds.
        consistency = self.divergence(
            target, self.forward_frozen_stats(images + adversarial)
        )
        logits = self.forward(views["labeled"])

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        entropy = self.entropy_loss(clean)
        loss = (
            supervised
            + self.value_at_step(self.consistency_weight) * consistency
            + self.value_at_step(self.entropy_weight) * entropy
        )
        logs = dict(
            supervised_loss=supervised,
            consistency_loss=consistency,
            entropy=entropy,
        )
        return loss, logits, logs

    def perturbation(self, images, target):
        """Returns r per image (equations 9 to 13), under stop-gradient.

        Args:
            images: float32 tensor (batch, …).
            target: probabilities (batch, classes).

        Returns:
            float32 tensor of the shape of `images`, each row of length ε.
        """
        xi = self.epsilon / 10 if self.xi is None else self.xi
        axes = tuple(range(1, len(images.shape)))
        direction = distribute.stateless_normal(
            ops.shape(images), (self.seed, self.step)
        )
        for _ in range(self.num_iterations):
            probe = xi * l2_normalize(direction, axes)
            with tf.GradientTape() as tape:
                tape.watch(probe)
                logits = self.forward_frozen_stats(images + probe)
                divergence = self.divergence.call(target, logits)
            # Only the direction matters, so the gradient may have any scale.
            scale = gradient_scale(target, logits)
            direction = tape.gradient(divergence, probe, scale)
        return ops.stop_gradient(self.epsilon * l2_normalize(direction, axes))

    def forward_frozen_stats(self, images):
        """Returns logits in training mode, without updating any state."""
        with ema.preserve(self.student.non_trainable_variables):
            return self.forward(images)


def gradient_scale(target, logits):
    """Returns one weight for all examples' divergences, (batch,).

    It scales the gradient with respect to the logits, softmax(logits) - target,
    to at most 256: near the target it would underflow in float16. A gradient
    below 1e-6 is rounding error and is scaled no further.
    """
    gap = ops.max(ops.abs(ops.softmax(logits) - target))
    return ops.full(ops.shape(logits)[:1], 256.0 / ops.maximum(gap, 1e-6))
