"""Self-Tuning: contrast with the features of a labeled or guessed class.

Reference: Wang et al. 2021, "Self-Tuning for Data-Efficient Deep Learning".
"""

import keras
from keras import ops

from kconsist import _checks, ema, features, targets
from kconsist._types import FloatOrSchedule
from kconsist.layers import ClassQueues
from kconsist.losses import LogitsKLDivergence
from kconsist.trainer import ConsistencyTrainer


@keras.saving.register_keras_serializable(package="kconsist")
class SelfTuning(ConsistencyTrainer):
    """Self-Tuning (Wang et al., 2021): pseudo group contrast.

    L = CE(y, z(labeled)) + λ · (PGC(labeled, y) + PGC(strong, ŷ)),
    ŷ = argmax z(strong). PGC is KL(u ‖ softmax([h · k⁰, h · Q] / τ)): the query
    h, a normalized projection of the student's features, must be as close to
    its own key k⁰ as to each of the K keys in its class's queue, and far from
    all other keys; u is 1 / (K + 1) on the positives and 0 elsewhere. Running
    averages of the student and of the projection compute the keys, which are
    queued by class. A wrong ŷ affects only K of the K + 1 positives.

    Views: labeled; weak (to the average, for the key) and strong (to the
    student, for the query and the pseudo-label) of the same unlabeled images.
    The paper has two strong views: give the same view for both. It also has two
    views of the labeled images; here both networks see the same one.
    Collapse: the labels, stop-gradient on the keys, the slow average and the
    other classes' keys.
    Predictions: the student, without the projection.
    BatchNorm: labeled and strong in one forward pass of the student, labeled
    and weak in one of the average, whose moving statistics are its own.

    Args:
        student: built functional or sequential model from images to logits
            (batch, classes). The input of its last layer with weights, (batch,
            width), are the features.
        consistency_weight: weight (λ), a float or a schedule. Defaults to
            `1.0`.
        temperature: divides the similarities (τ). Defaults to `0.07`.
        queue_length: number of keys per class (K). Defaults to `32`.
        projection_size: width of queries and keys (D). Defaults to `1024`.
        decay: decay of the averages, updated once per step (TLL: twice).
            Defaults to `0.999`.
        seed: seed of the queues' random initial keys. Defaults to `0`.

    Example:
        ```python
        import keras
        from kconsist import SelfTuning, data, models, views

        trainer = SelfTuning(models.MLP(2), projection_size=16)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile("adam", loss, metrics=["accuracy"])
        train, test = data.load("moons")
        jitter = views.Jitter(radius=0.25)
        batches = data.semi_supervised(
            train, train, weak=jitter, strong=jitter, unlabeled_ratio=1
        )
        history = trainer.fit(batches, epochs=1, verbose=0)
        ```

    Reference: https://arxiv.org/abs/2102.12903, section 4. TLL:
    `tllib.self_training.self_tuning.SelfTuning`.
    """

    views = ("labeled", "weak", "strong")
    logs = ("supervised_loss", "labeled_contrast_loss", "consistency_loss")

    def __init__(
        self,
        student: keras.Model,
        consistency_weight: FloatOrSchedule = 1.0,
        temperature: float = 0.07,
        queue_length: int = 32,
        projection_size: int = 1024,
        decay: float = 0.999,
        seed: int = 0,
        **kwargs,
    ):
        _checks.weight("consistency_weight", consistency_weight)
        _checks.positive("temperature", temperature)
        _checks.positive_integer("projection_size", projection_size)
        _checks.in_range("decay", decay, 0, 1)
        super().__init__(student, ema.make_teacher(student), **kwargs)
        self.consistency_weight = consistency_weight
        self.temperature = temperature
        self.queue_length = queue_length
        self.projection_size = projection_size
        self.decay = decay
        self.seed = seed
        self.backbone, self.classifier = features.split(student)
        self.projection = keras.Sequential(
            [
                keras.Input(self.backbone.output_shape[1:]),
                keras.layers.Dense(projection_size, dtype="float32"),
            ]
        )
        self.heads = (self.projection,)
        self.key_backbone, _ = features.split(self.teacher)
        self.key_projection = ema.make_teacher(self.projection)
        self.memory = ClassQueues(
            _checks.known_num_classes(self), queue_length, projection_size, seed
        )
        self.divergence = LogitsKLDivergence()

    def objective(self, views, labels, sample_weight=None):
        """Returns the loss, the labeled logits and the logs."""
        labels = targets.class_indices(labels)
        labeled, strong = self.forward_together(
            views["labeled"], views["strong"], network=self.backbone
        )
        labeled_keys, keys = self.forward_together(
            views["labeled"], views["weak"], network=self.keys
        )
        logits = features.classify(self.classifier, labeled)
        pseudo_labels = targets.hard_labels(
            features.classify(self.classifier, strong)
        )

        supervised = self.compute_loss(views, labels, logits, sample_weight)
        labeled_contrast = self.contrast(
            labeled, labeled_keys, labels, sample_weight
        )
        counts = None if sample_weight is None else sample_weight > 0
        self.memory.enqueue(labeled_keys, labels, counts)
        # These images' positives include the newest labeled keys.
        consistency = self.contrast(strong, keys, pseudo_labels)
        self.memory.enqueue(keys, pseudo_labels)
        loss = supervised + self.value_at_step(self.consistency_weight) * (
            labeled_contrast + consistency
        )
        logs = dict(
            supervised_loss=supervised,
            labeled_contrast_loss=labeled_contrast,
            consistency_loss=consistency,
        )
        return loss, logits, logs

    def keys(self, images, training=True):
        """Returns the average's keys (batch, D) under stop-gradient."""
        found = self.key_backbone(images, training=training)
        keys = features.l2_normalize(self.key_projection(found))
        return ops.stop_gradient(keys)

    def contrast(self, found, keys, labels, sample_weight=None):
        """Returns the pseudo group contrast of a batch.

        Args:
            found: the student's features (batch, width).
            keys: float32 tensor (batch, D), the same images' keys.
            labels: integer tensor (batch,), the classes of the positives.
            sample_weight: float tensor (batch,), or None.
        """
        queries = features.l2_normalize(self.projection(found))
        own = ops.sum(queries * keys, axis=-1, keepdims=True)
        queues = ops.reshape(self.memory.queues, (-1, self.projection_size))
        others = ops.matmul(queries, ops.transpose(queues))
        similarities = ops.concatenate([own, others], axis=-1)

        group = ops.one_hot(labels, self.memory.num_classes, dtype="float32")
        group = ops.repeat(group, self.queue_length, axis=-1)
        positives = ops.concatenate([ops.ones_like(own), group], axis=-1)
        return self.divergence(
            positives / (self.queue_length + 1),
            similarities / self.temperature,
            sample_weight=sample_weight,
        )

    def after_step(self) -> None:
        """Updates the averages."""
        ema.ema_update(self.teacher, self.student, self.decay, "own")
        ema.ema_update(self.key_projection, self.projection, self.decay, "own")
