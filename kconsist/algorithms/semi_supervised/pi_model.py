"""The Π-model: two noisy passes through one network must agree.

Reference: Laine and Aila 2017, "Temporal Ensembling for Semi-Supervised
Learning"; Sajjadi et al. 2016, "Regularization With Stochastic Transformations
and Perturbations for Deep Semi-Supervised Learning".
"""

import itertools

import keras
from keras import ops

from kconsist import _checks
from kconsist._types import FloatOrSchedule
from kconsist.losses import LogitsKLDivergence
from kconsist.trainer import ConsistencyTrainer

DISTANCES = ("mse", "kl")


@keras.saving.register_keras_serializable(package="kconsist")
class PiModel(ConsistencyTrainer):
    """Π-model (Laine and Aila, 2017): consistency between two noisy passes.

    L = CE(y, z) + w(t) · distance(p_weak, p_strong), with the gradient through
    both branches, as in the paper. There both views come from the same
    augmentation; noise inside the network, such as dropout, differs too.

    Transformation stability (Sajjadi et al. 2016) is the same with `more_views`
    of an image: the mean over all pairs of views, where its paper has the sum
    over pairs and classes. Pseudo-ensembles (Bachman et al. 2014) is the same
    with `views.Identity()` for every view and dropout in the student.

    Views: labeled, weak, strong and `more_views`. In the papers the unlabeled
    images include the labeled ones.
    Collapse: the labels.
    Predictions: the student.
    BatchNorm: all views in one forward pass.

    Args:
        student: built model from images to logits (batch, classes).
        consistency_weight: weight w(t), a float or a schedule. Defaults to
            `10.0`.
        distance: `"mse"`: squared difference of probabilities, mean over
            classes, as in the paper; `"kl"`: mean of KL(weak ‖ strong) and
            KL(strong ‖ weak). Defaults to `"mse"`.
        stop_gradient: whether the weak view is only a target, as in Google's
            code, for each other view; `"kl"` is then only KL(weak ‖ strong).
            Defaults to `False`.
        more_views: names of additional views, `data.semi_supervised(...,
            more_views={name: view})`. Defaults to `()`.

    Example:
        ```python
        import keras
        from kconsist import PiModel, data, models, views

        trainer = PiModel(models.MLP(2), 10.0, distance="kl")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        train, test = data.load("moons")
        jitter = views.Jitter(radius=0.25)
        batches = data.semi_supervised(
            train, train, weak=jitter, strong=jitter
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/1610.02242, section 2.1, algorithm 1;
    https://arxiv.org/abs/1606.04586; https://arxiv.org/abs/1412.4864
    """

    views: tuple = ("labeled", "weak", "strong")
    logs = ("supervised_loss", "consistency_loss")

    def __init__(
        self,
        student: keras.Model,
        consistency_weight: FloatOrSchedule = 10.0,
        distance: str = "mse",
        stop_gradient: bool = False,
        more_views: tuple[str, ...] = (),
        **kwargs,
    ):
        _checks.weight("consistency_weight", consistency_weight)
        _checks.one_of("distance", distance, DISTANCES)
        if isinstance(more_views, str):
            raise ValueError(
                f"more_views must be a tuple of names, got {more_views!r}"
            )
        super().__init__(student, **kwargs)
        self.views = (*type(self).views, *more_views)
        self.consistency_weight = consistency_weight
        self.distance = distance
        self.stop_gradient = stop_gradient
        self.more_views = more_views
        self.squared_error = keras.losses.MeanSquaredError()
        self.divergence = LogitsKLDivergence()

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        logits, *unlabeled = self.forward_together(
            *(views[name] for name in self.views)
        )
        pairs = list(itertools.combinations(unlabeled, 2))
        if self.stop_gradient:
            weak, *others = unlabeled
            pairs = [(ops.stop_gradient(weak), other) for other in others]

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        consistency = sum(self.pair_loss(*pair) for pair in pairs) / len(pairs)
        loss = (
            supervised
            + self.value_at_step(self.consistency_weight) * consistency
        )
        logs = dict(supervised_loss=supervised, consistency_loss=consistency)
        return loss, logits, logs

    def pair_loss(self, weak, strong):
        """Returns the mean distance of two tensors of logits (batch, C)."""
        p_weak, p_strong = ops.softmax(weak), ops.softmax(strong)
        if self.distance == "mse":
            return self.squared_error(p_weak, p_strong)
        forward = self.divergence(p_weak, strong)
        if self.stop_gradient:
            return forward
        return (forward + self.divergence(p_strong, weak)) / 2
