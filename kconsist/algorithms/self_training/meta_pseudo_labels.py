"""Meta Pseudo Labels: a teacher that learns from its student's progress.

Reference: Pham et al. 2021, "Meta Pseudo Labels".
"""

import keras
from keras import ops

from kconsist import _checks, distribute, ema, targets
from kconsist._types import FloatOrSchedule, OptimizerLike
from kconsist.losses import LogitsKLDivergence
from kconsist.trainer import ConsistencyTrainer, _optimizers


@keras.saving.register_keras_serializable(package="kconsist")
class MetaPseudoLabels(ConsistencyTrainer):
    """Meta Pseudo Labels (Pham et al., 2021): the teacher gets feedback.

    The student takes a step on CE(ŷ, z_s(strong)), where ŷ is sampled from the
    teacher's prediction. Then the teacher takes a step on CE(y, z_t(labeled)) +
    λ · UDA(weak, strong) + (h - b) · CE(ŷ, z_t(strong)), where the feedback h
    is how much the student's step lowered its loss on the labels, and the
    baseline b is the mean of h so far. In expectation over ŷ this is the
    gradient of the student's next loss.

    To first order h is the paper's η ∇CE(y; θ') · ∇CE(ŷ; θ). The authors' code
    has the opposite sign, the loss after the step minus the loss before, and
    soft labels, for which the last term has no gradient at all.

    Views: labeled; weak and strong of the same unlabeled images.
    Collapse: the teacher's labels; no gradient passes between the networks.
    Predictions: the student. In the paper it sees no label and is fine-tuned on
    the labels afterwards: `trainer.student` is a plain model for that.
    BatchNorm: each network sees its views in one forward pass; the labeled
    passes that compute h leave moving statistics and dropout seeds unchanged.

    Args:
        student: built model from images to logits (batch, classes).
        teacher: another one, which is trained too.
        teacher_optimizer: the teacher's own optimizer, or its name.
        consistency_weight: weight of the student's loss on ŷ, a float or a
            schedule. Defaults to `1.0`.
        supervised_weight: weight of the labels in the student's own loss.
            Defaults to `0.0`, the paper's.
        uda_weight: weight (λ), a float or a schedule; the authors ramp it up
            over 5,000 steps. Defaults to `8.0`.
        temperature: divides the logits of UDA's target. Defaults to `0.7`.
        threshold: confidence at or above which an image counts in UDA's term,
            measured after the temperature, as in the authors' code (UDA itself
            measures it before). Defaults to `0.6`.
        baseline_decay: decay of b in [0, 1]; 1 turns the baseline off. Defaults
            to `0.99`.
        sampled: whether to sample ŷ; else it is the most probable class.
            Defaults to `True`.
        seed: seed of the samples. Defaults to `0`.

    Example:
        ```python
        import keras
        from kconsist import MetaPseudoLabels, data, models, views

        trainer = MetaPseudoLabels(models.MLP(2), models.MLP(2), "adam")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        train, test = data.load("moons")
        jitter = views.Jitter(radius=0.25)
        batches = data.semi_supervised(
            train, train, weak=views.Identity(), strong=jitter
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/2003.10580, section 2, appendix A.
    """

    views = ("labeled", "weak", "strong")
    logs = ("supervised_loss", "consistency_loss", "teacher_loss", "feedback")

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        teacher_optimizer: OptimizerLike,
        consistency_weight: FloatOrSchedule = 1.0,
        supervised_weight: float = 0.0,
        uda_weight: FloatOrSchedule = 8.0,
        temperature: float = 0.7,
        threshold: float = 0.6,
        baseline_decay: float = 0.99,
        sampled: bool = True,
        seed: int = 0,
        **kwargs,
    ):
        _checks.weight("consistency_weight", consistency_weight)
        _checks.weight("supervised_weight", supervised_weight)
        _checks.weight("uda_weight", uda_weight)
        _checks.positive("temperature", temperature)
        _checks.in_range("threshold", threshold, 0, 1)
        _checks.in_range("baseline_decay", baseline_decay, 0, 1)
        super().__init__(student, teacher, **kwargs)
        _checks.trainable_model(teacher, "teacher")
        self.teacher_optimizer = _optimizers.built(teacher_optimizer, teacher)
        self.consistency_weight = consistency_weight
        self.supervised_weight = supervised_weight
        self.uda_weight = uda_weight
        self.temperature = temperature
        self.threshold = threshold
        self.baseline_decay = baseline_decay
        self.sampled = sampled
        self.seed = seed
        self.baseline = self.add_weight(
            name="baseline",
            shape=(),
            dtype="float32",
            initializer="zeros",
            trainable=False,
        )
        self.label_loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True
        )
        self.uda_loss = LogitsKLDivergence()

    def update(self, views, labels, sample_weight=None):
        """Makes the student's step, then the teacher's from its feedback."""
        self._check_optimizer()
        teacher_loss, feedback, (loss, logits, logs) = self.minimize(
            lambda: self.teacher_objective(views, labels, sample_weight),
            self.teacher,
            self.teacher_optimizer,
        )
        logs["teacher_loss"] = teacher_loss
        logs["feedback"] = distribute.scaled_mean(feedback)
        return loss, logits, logs

    def teacher_objective(self, views, labels, sample_weight=None):
        """Returns the teacher's loss, after a step of the student.

        Returns:
            The loss; h, a scalar; and what `objective` returned to the student.
        """
        logits, weak, strong = self.forward_together(
            *(views[name] for name in self.views), network=self.teacher
        )
        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = self.uda(weak, strong)

        pseudo_labels = self.pseudo_labels(strong)
        feedback, *student = self.student_step(
            views, labels, sample_weight, pseudo_labels
        )
        meta = self.label_loss(pseudo_labels, strong)
        loss = supervised + consistency + self.advantage(feedback) * meta
        return loss, feedback, student

    def student_step(self, views, labels, sample_weight, pseudo_labels):
        """Makes the student's step; returns h and what `objective` does."""
        batch = views, labels, sample_weight
        *student, before = self.minimize(
            lambda: (
                *self.objective(*batch, pseudo_labels),
                self.labeled_loss(*batch),
            ),
            self.student,
            self.optimizer,
        )
        return before - self.labeled_loss(*batch), *student

    def _check_optimizer(self):
        # Not in compile: Keras compiles no loaded model that overrides it.
        steps = _optimizers.innermost(
            self.optimizer
        ).gradient_accumulation_steps
        if steps is not None and steps > 1:
            raise ValueError(
                "gradient_accumulation_steps must be left out of the student's "
                "optimizer: the teacher learns from the feedback of each "
                f"batch's step, got {steps}"
            )

    def objective(self, views, labels, sample_weight=None, pseudo_labels=None):
        """Returns the student's loss, its labeled logits, its logs.

        Args:
            views: dict of name to images.
            labels: integer tensor (batch,).
            sample_weight: float tensor (batch,), or None.
            pseudo_labels: int32 tensor (batch,). Defaults to `None`: the
                teacher is called for them.
        """
        if pseudo_labels is None:
            pseudo_labels = self.pseudo_labels(
                self.teacher_logits(views["strong"], training=True)
            )
        logits, strong = self.forward_together(
            views["labeled"], views["strong"]
        )
        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = self.label_loss(pseudo_labels, strong)
        loss = (
            self.value_at_step(self.supervised_weight) * supervised
            + self.value_at_step(self.consistency_weight) * consistency
        )
        logs = dict(supervised_loss=supervised, consistency_loss=consistency)
        return loss, logits, logs

    def pseudo_labels(self, logits):
        """Returns ŷ of the teacher's logits, int32 tensor (batch,)."""
        if not self.sampled:
            return targets.hard_labels(logits)
        normal = distribute.stateless_normal(
            ops.shape(logits)[:1], (self.seed, self.step)
        )
        uniform = (1.0 + ops.erf(normal / 2**0.5)) / 2
        # Inverse transform sampling: the class whose interval it falls into.
        ends = ops.cumsum(targets.soft_targets(logits), axis=-1)[:, :-1]
        return ops.sum(ops.cast(ends < uniform[:, None], "int32"), axis=-1)

    def labeled_loss(self, views, labels, sample_weight=None):
        """Returns the student's loss on the labels, summed over replicas."""
        with ema.preserve(self.student.non_trainable_variables):
            logits = self.forward(views["labeled"])
        loss = self.compute_loss(views, labels, logits, sample_weight)
        return ops.stop_gradient(distribute.sum_over_replicas(loss))

    def uda(self, weak, strong):
        """Returns the weighted loss of UDA on the teacher's logits."""
        target = targets.soft_targets(weak, self.temperature)
        mask = targets.confidence_mask(weak / self.temperature, self.threshold)
        uda = self.uda_loss(target, strong, sample_weight=mask)
        return self.value_at_step(self.uda_weight) * uda

    def advantage(self, feedback):
        """Updates the mean of the feedback; returns h - b."""
        news = (1 - self.baseline_decay) * (feedback - self.baseline)
        self.baseline.assign_add(news)
        return feedback - self.baseline
