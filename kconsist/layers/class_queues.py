"""Per-class queues of recent features.

Wang et al. 2021, "Self-Tuning for Data-Efficient Deep Learning".
"""

import keras
from keras import ops

from kconsist import _checks, targets
from kconsist.distribute import gather_replicas
from kconsist.features import l2_normalize
from kconsist.layers._scatter import last_write_index


@keras.saving.register_keras_serializable(package="kconsist")
class ClassQueues(keras.layers.Layer):
    """First-in, first-out queues of features, one per class.

    The queues are initialized with random unit vectors. They are weights: they
    are saved with any model that contains the layer, and are the same on all
    replicas. With a single class, this is the queue of MoCo.

    Args:
        num_classes: number of classes (C).
        length: number of features per queue (K). Self-Tuning uses 32.
        features: width of a feature vector (D).
        seed: seed of the random initialization, or None. Defaults to `None`.

    Attributes:
        queues: float32 weight (classes, length, features).
        pointers: int64 weight (classes,), the slot that is written next,
            which holds the oldest feature.

    Example:
        ```python
        import numpy as np
        from kconsist.layers import ClassQueues

        queues = ClassQueues(num_classes=3, length=2, features=4)
        keys, labels = np.ones((5, 4)), np.array([0, 0, 0, 2, 2])
        queues.enqueue(keys, labels)
        positives = queues(labels)  # (5, 2, 4), all ones.
        ```

    Reference: https://arxiv.org/abs/2102.12903, pseudo group contrast. TLL:
    `tllib.self_training.self_tuning.SelfTuning`.
    """

    def __init__(
        self,
        num_classes: int,
        length: int,
        features: int,
        seed: int | None = None,
        **kwargs,
    ):
        _checks.in_range("num_classes", num_classes, 1, float("inf"))
        _checks.in_range("length", length, 1, float("inf"))
        _checks.in_range("features", features, 1, float("inf"))
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
            initializer=self._random_unit_vectors,
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

    def _random_unit_vectors(self, shape, dtype=None):
        values = keras.random.normal(shape, dtype=dtype, seed=self.seed)
        return l2_normalize(values)

    def call(self, labels):
        """Returns the queue of each example's class, (batch, length, features).

        Args:
            labels: integer tensor (batch,) or (batch, 1) of classes.
        """
        return ops.take(self.queues, targets.class_indices(labels), axis=0)

    def enqueue(self, features, labels, mask=None) -> None:
        """Overwrites the oldest features with a batch, in the batch's order.

        The global batch is written: first all of replica 0, then of replica 1,
        and so on. No gradient flows through the queues.

        Args:
            features: float tensor (batch, features). They are stored as they
                are: normalize them first.
            labels: integer tensor (batch,) or (batch, 1) of classes.
            mask: boolean or float tensor (batch,), true for the examples to
                write. Defaults to `None`, all of them.
        """
        labels = targets.class_indices(labels)
        if mask is None:
            mask = ops.ones(ops.shape(labels))
        features = gather_replicas(ops.cast(features, "float32"))
        labels = gather_replicas(ops.cast(labels, "int32"))
        mask = gather_replicas(ops.cast(mask, "int32"))

        member = ops.one_hot(labels, self.num_classes, dtype="int32")
        member = member * mask[:, None]
        # Number of earlier examples of the same class in the batch.
        rank = ops.sum((ops.cumsum(member, axis=0) - member) * member, axis=1)
        pointers = ops.cast(self.pointers, "int32")
        slot = (ops.take(pointers, labels, axis=0) + rank) % self.length

        size = self.num_classes * self.length
        position, written = last_write_index(
            labels * self.length + slot, mask, size
        )
        new = ops.take(features, position, axis=0)
        old = ops.reshape(self.queues, (size, self.features))
        values = ops.where(written[:, None], new, old)
        self.queues.assign(ops.reshape(values, self.queues.shape))
        pointers = (pointers + ops.sum(member, axis=0)) % self.length
        self.pointers.assign(ops.cast(pointers, "int64"))

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "length": self.length,
            "features": self.features,
            "seed": self.seed,
        }
