"""ADR: keep features away from where two dropout classifiers disagree.

Reference: Saito et al. 2018, "Adversarial Dropout Regularization".
"""

import keras
from keras import ops

from kconsist import _checks, distribute, features
from kconsist._types import FloatOrSchedule
from kconsist.layers import reverse_gradient
from kconsist.losses import LogitsKLDivergence
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class AdversarialDropout(ConsistencyTrainer):
    """Adversarial Dropout Regularization (Saito et al., 2018).

    Two dropout masks make two classifiers p¹, p² of the same features. Where
    they disagree, a boundary is near: d = mean ½ (KL(p¹ ‖ p²) + KL(p² ‖ p¹)).
    The classifier C, the critic, maximizes the disagreement on the target
    domain while it fits the source; the features G minimize it:

    min over C of CE(y, C(G(labeled))) - λ · d(G(weak)),
    min over G of CE(y, C(G(labeled))) + λ · r · d(G(weak)).

    One step does both, by reversing the gradient between G and C; the paper
    alternates steps and may repeat G's, which r stands for. d has no upper
    bound: begin with a small λ.

    Views: labeled, from the source domain; weak, one view of images of the
    target domain. Dropout makes the second view.
    Collapse: the labels, which the critic must fit as well.
    Predictions: the student, without dropout.
    BatchNorm: both domains in one forward pass.

    Args:
        student: built functional or sequential model from images to logits
            (batch, classes).
        classifier: name of the first layer of C, whose input is the features,
            (batch, width); the layers before it are G. A deeper C is a stronger
            critic. Defaults to `None`, the last layer with weights.
        rate: dropout rate of the features, in training on both domains.
            Defaults to `0.5`.
        consistency_weight: weight (λ), a float or a schedule. Defaults to
            `1.0`.
        reversal: weight of d for G relative to C (r), a float or a schedule.
            Defaults to `1.0`.
        seed: seed of the dropout. Defaults to `0`.

    Example:
        ```python
        import keras
        from kconsist import AdversarialDropout, data, models, views

        trainer = AdversarialDropout(models.MLP(2), consistency_weight=0.1)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        source, target = data.load("moons")
        same = views.Identity()
        batches = data.semi_supervised(source, target, weak=same, strong=same)
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1711.01575, section 3.
    """

    views = ("labeled", "weak")
    logs = ("supervised_loss", "consistency_loss")

    def __init__(
        self,
        student: keras.Model,
        classifier: str | None = None,
        rate: float = 0.5,
        consistency_weight: FloatOrSchedule = 1.0,
        reversal: FloatOrSchedule = 1.0,
        seed: int = 0,
        **kwargs,
    ):
        _checks.in_range("rate", rate, 0, 0.99)
        _checks.weight("consistency_weight", consistency_weight)
        _checks.weight("reversal", reversal)
        super().__init__(student, **kwargs)
        self.backbone, self.classifier_layers = features.split(
            student, classifier
        )
        self.classifier = classifier
        self.rate = rate
        self.consistency_weight = consistency_weight
        self.reversal = reversal
        self.seed = seed
        self.divergence = LogitsKLDivergence()

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        source, target = self.forward_together(
            views["labeled"], views["weak"], network=self.backbone
        )
        logits = self.sample(source, 0)
        # The gradient of d is reversed from C to G.
        target = reverse_gradient(target, self.value_at_step(self.reversal))
        first, second = self.sample(target, 1), self.sample(target, 2)

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        disagreement = (
            self.divergence(ops.softmax(first), second)
            + self.divergence(ops.softmax(second), first)
        ) / 2
        loss = (
            supervised
            - self.value_at_step(self.consistency_weight) * disagreement
        )
        logs = dict(supervised_loss=supervised, consistency_loss=disagreement)
        return loss, logits, logs

    def sample(self, found, number):
        """Returns the logits of features (batch, width) under dropout.

        Args:
            found: float tensor (batch, width).
            number: number of the dropout mask in this step: 0, 1 or 2.
        """
        global_batch = ops.shape(found)[0] * distribute.num_replicas()
        uniform = distribute.stateless_uniform(
            (global_batch, found.shape[-1]), (3 * self.seed + number, self.step)
        )
        mask = distribute.local_shard(uniform) >= self.rate
        dropped = found * ops.cast(mask, found.dtype) / (1 - self.rate)
        return features.classify(self.classifier_layers, dropped)
