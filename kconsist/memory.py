"""Memories: each example's answers so far, or the newest features of a class.

Laine and Aila 2017, "Temporal Ensembling for Semi-Supervised Learning"; Wang et
al. 2021, "Self-Tuning for Data-Efficient Deep Learning".
"""

import keras
from keras import ops

from kconsist import checks, targets
from kconsist.distribute import gather_replicas
from kconsist.scatter import last_writers


@keras.saving.register_keras_serializable(package="kconsist")
class PredictionEnsemble(keras.layers.Layer):
    """The running mean of a network's answers on each example.

    Z ← αZ + (1 - α)p where an example is seen, and its target is Z / (1 - α^k)
    after k sightings, which corrects for the start at zero. The paper does so
    for all examples at once at the end of each epoch, which is the same where
    each is seen once an epoch; an example that an epoch leaves out keeps what
    it had here, where the paper's code lets it decay.

    The memory is weights of the layer: it is saved with a model that holds the
    layer, and is the same on all replicas.

    Args:
        num_examples: number of examples (N).
        num_classes: number of classes (C).
        decay: decay of the mean (α) in [0, 1). Defaults to `0.6`, the paper's.

    Example:
        ```python
        import numpy as np
        from kconsist.memory import PredictionEnsemble

        ensemble = PredictionEnsemble(num_examples=4, num_classes=2)
        index, answers = np.array([2]), np.array([[0.25, 0.75]])
        ensemble.update(index, answers)
        targets, seen = ensemble(index)  # [[0.25, 0.75]], [1.0]
        ```

    Reference: https://arxiv.org/abs/1610.02242, section 2.2, algorithm 2.
    """

    def __init__(self, num_examples, num_classes, decay=0.6, **kwargs):
        checks.in_range("num_examples", num_examples, 1, float("inf"))
        checks.in_range("num_classes", num_classes, 2, float("inf"))
        checks.in_range("decay", decay, 0, 1)
        if decay == 1:
            raise ValueError("decay must be below 1, got 1: nothing would move")
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.num_examples = num_examples
        self.num_classes = num_classes
        self.decay = decay
        options = dict(initializer="zeros", trainable=False)
        self.mean = self.add_weight(
            name="mean",
            shape=(num_examples, num_classes),
            dtype="float32",
            autocast=False,
            **options,
        )
        self.sightings = self.add_weight(
            name="sightings", shape=(num_examples,), dtype="int64", **options
        )
        self.built = True

    def call(self, index):
        """Returns the targets of examples, and which were seen before.

        Args:
            index: integer tensor (batch,), which examples, in
                [0, num_examples).

        Returns:
            float32 tensor (batch, classes), rows that sum to 1, or are 0 where
            an example was never seen; float32 tensor (batch,) of zeros and
            ones. No gradient flows through either.
        """
        sightings = ops.cast(ops.take(self.sightings, index, axis=0), "float32")
        seen = ops.cast(sightings > 0, "float32")
        correction = 1.0 - ops.power(self.decay, ops.maximum(sightings, 1.0))
        mean = ops.take(self.mean, index, axis=0)
        return ops.stop_gradient(mean / correction[:, None]), seen

    def update(self, index, probabilities) -> None:
        """Takes up the answers on a batch.

        Of several entries with one index, the last counts.

        Args:
            index: integer tensor (batch,), which examples.
            probabilities: float tensor (batch, classes).
        """
        probabilities = ops.cast(probabilities, "float32")
        index = gather_replicas(ops.cast(index, "int32"))
        probabilities = gather_replicas(ops.stop_gradient(probabilities))
        writer, written = last_writers(
            index, ops.ones(ops.shape(index), "bool"), self.num_examples
        )
        news = ops.take(probabilities, writer, axis=0)
        moved = self.decay * self.mean + (1 - self.decay) * news
        self.mean.assign(ops.where(written[:, None], moved, self.mean))
        self.sightings.assign(self.sightings + ops.cast(written, "int64"))

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "num_examples": self.num_examples,
            "num_classes": self.num_classes,
            "decay": self.decay,
        }


@keras.saving.register_keras_serializable(package="kconsist")
class ClassQueues(keras.layers.Layer):
    """A first-in, first-out queue of features for each class.

    The queues start full of random unit vectors. They are weights: they are
    saved with a model that holds the layer, and are the same on all replicas.
    With one class, it is the one queue of MoCo.

    Args:
        num_classes: number of classes (C).
        length: how many features a queue keeps (K). Self-Tuning has 32.
        features: length of a feature (D).
        seed: seed of the random start, or None. Defaults to `None`.

    Attributes:
        queues: float32 weight (classes, length, features).
        pointers: int64 weight (classes,), the slot that is written next and
            holds the oldest feature.

    Example:
        ```python
        import numpy as np
        from kconsist.memory import ClassQueues

        memory = ClassQueues(num_classes=3, length=2, features=4)
        keys, labels = np.ones((5, 4)), np.array([0, 0, 0, 2, 2])
        memory.enqueue(keys, labels)
        positives = memory(labels)  # (5, 2, 4): all ones here.
        ```

    Reference: https://arxiv.org/abs/2102.12903, pseudo group contrast. TLL:
    `tllib.self_training.self_tuning.SelfTuning`.
    """

    def __init__(self, num_classes, length, features, seed=None, **kwargs):
        checks.in_range("num_classes", num_classes, 1, float("inf"))
        checks.in_range("length", length, 1, float("inf"))
        checks.in_range("features", features, 1, float("inf"))
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.length = length
        self.features = features
        self.seed = seed
        self.queues = self.add_weight(
            name="queues",
            shape=(num_classes, length, features),
            dtype="float32",
            initializer=self._random_units,
            trainable=False,
            autocast=False,
        )
        self.pointers = self.add_weight(
            name="pointers",
            shape=(num_classes,),
            dtype="int64",
            initializer="zeros",
            trainable=False,
        )
        self.built = True

    def _random_units(self, shape, dtype=None):
        values = keras.random.normal(shape, dtype=dtype, seed=self.seed)
        return ops.normalize(values, axis=-1, order=2)

    def call(self, labels):
        """Returns the queue of each example's class, (batch, length, features).

        Args:
            labels: integer tensor (batch,) or (batch, 1) of classes.
        """
        return ops.take(self.queues, targets.class_indices(labels), axis=0)

    def enqueue(self, features, labels, mask=None) -> None:
        """Writes a batch as if one after the other, over the oldest features.

        Replicas come one after the other too. No gradient is kept.

        Args:
            features: float tensor (batch, features), stored as they are:
                normalize them first.
            labels: integer tensor (batch,) or (batch, 1) of classes.
            mask: boolean or float tensor (batch,), which examples to write;
                None for all.
        """
        labels = targets.class_indices(labels)
        if mask is None:
            mask = ops.ones(ops.shape(labels))
        features = gather_replicas(ops.cast(features, "float32"))
        labels = gather_replicas(ops.cast(labels, "int32"))
        mask = gather_replicas(ops.cast(mask, "int32"))

        member = ops.one_hot(labels, self.num_classes, dtype="int32")
        member = member * mask[:, None]
        # How many of its class come before an example in the batch.
        rank = ops.sum((ops.cumsum(member, axis=0) - member) * member, axis=1)
        pointers = ops.cast(self.pointers, "int32")
        slot = (ops.take(pointers, labels, axis=0) + rank) % self.length

        size = self.num_classes * self.length
        writer, written = last_writers(labels * self.length + slot, mask, size)
        news = ops.take(features, writer, axis=0)
        kept = ops.reshape(self.queues, (size, self.features))
        values = ops.where(written[:, None], news, kept)
        self.queues.assign(ops.reshape(values, self.queues.shape))
        moved = (pointers + ops.sum(member, axis=0)) % self.length
        self.pointers.assign(ops.cast(moved, "int64"))

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "length": self.length,
            "features": self.features,
            "seed": self.seed,
        }
