"""Confidence thresholds that follow the learning status of each class.

Zhang et al. 2021, "FlexMatch: Boosting Semi-Supervised Learning with Curriculum
Pseudo Labeling".
"""

import keras
from keras import ops

from kconsist import _checks
from kconsist.distribute import gather_replicas
from kconsist.layers._scatter import last_write_index

MAPPINGS = {
    "linear": lambda x: x,
    "convex": lambda x: x / (2.0 - x),
    "concave": lambda x: ops.log1p(x) / ops.log(2.0),
}


@keras.saving.register_keras_serializable(package="kconsist")
class DynamicThresholding(keras.layers.Layer):
    """One threshold per class, M(β) · τ, with β the class's learning status.

    For each unlabeled example, the layer stores the class that the network last
    predicted with confidence above τ. A class to which few examples are
    assigned is hard and has a low threshold. At first all thresholds are 0, so
    that every example counts, whatever its label, as FlexMatch intends.

    β(c) = σ(c) / max σ, where σ(c) is the number of examples assigned to class
    c. With `warmup`, the maximum also includes the number of unassigned
    examples, so that thresholds rise slowly. FlexMatch's paper uses the
    warm-up; TLL's default does not.

    Read the thresholds first, then call `update`, as TLL does. If all examples
    are assigned to one class, TLL resets all thresholds to 0; here that class
    has threshold τ, as in the paper's formula.

    The assignments are a weight: they are saved with any model that contains
    the layer, and are the same on all replicas.

    Args:
        threshold: threshold (τ) in [0, 1] of a fully learned class.
        warmup: include the unassigned examples in the maximum.
        mapping: M: `"linear"`, x; `"convex"`, x / (2 - x), the paper's choice;
            `"concave"`, log(1 + x) / log 2.
        num_classes: number of classes (C).
        num_examples: number of unlabeled examples (N).

    Example:
        ```python
        import numpy as np
        from kconsist.layers import DynamicThresholding

        thresholding = DynamicThresholding(
            0.95, warmup=False, mapping="convex", num_classes=3, num_examples=9
        )
        index, labels = np.array([4, 8, 2]), np.array([0, 0, 1])
        confident = np.array([True, True, True])
        thresholds = thresholding.get_threshold(labels)  # All 0 at first.
        thresholding.update(index, confident, labels)
        thresholds = thresholding.get_threshold(labels)  # τ, τ, τ/3.
        ```

    Reference: https://arxiv.org/abs/2110.08263, section 3. TLL:
    `tllib.self_training.flexmatch.DynamicThresholdingModule`.
    """

    def __init__(
        self,
        threshold: float,
        warmup: bool,
        mapping: str,
        num_classes: int,
        num_examples: int,
        **kwargs,
    ):
        _checks.in_range("threshold", threshold, 0, 1)
        _checks.one_of("mapping", mapping, tuple(MAPPINGS))
        _checks.one_of("warmup", warmup, (True, False))
        _checks.in_range("num_classes", num_classes, 2, float("inf"))
        _checks.in_range("num_examples", num_examples, 1, float("inf"))
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.threshold = threshold
        self.warmup = warmup
        self.mapping = mapping
        self.num_classes = num_classes
        self.num_examples = num_examples
        # int64: TensorFlow keeps int32 variables off the accelerator.
        self.selected = self.add_weight(
            name="selected",
            shape=(num_examples,),
            dtype="int64",
            initializer=keras.initializers.Constant(-1),
            trainable=False,
        )
        self.built = True

    def class_thresholds(self):
        """Returns the threshold of each class, float32 tensor (classes,)."""
        counts = ops.segment_sum(
            ops.ones((self.num_examples,), "float32"),
            ops.cast(self.selected + 1, "int32"),
            num_segments=self.num_classes + 1,
        )
        assigned = counts[1:]
        largest = ops.max(counts if self.warmup else assigned)
        status = assigned / ops.maximum(largest, 1.0)
        return self.threshold * MAPPINGS[self.mapping](status)

    def get_threshold(self, pseudo_labels):
        """Returns the threshold of each example's class.

        Args:
            pseudo_labels: integer tensor (batch,) of classes.

        Returns:
            float32 tensor (batch,).
        """
        return ops.take(self.class_thresholds(), pseudo_labels, axis=0)

    def call(self, pseudo_labels):
        """Returns `get_threshold(pseudo_labels)`."""
        return self.get_threshold(pseudo_labels)

    def update(self, index, selected_mask, pseudo_labels) -> None:
        """Stores the classes of the confident examples.

        If an index occurs more than once, its last entry counts.

        Args:
            index: integer tensor (batch,) in [0, num_examples), the indices of
                the unlabeled examples.
            selected_mask: boolean or float tensor (batch,), true where the
                confidence is above the fixed τ, not above `get_threshold`.
            pseudo_labels: integer tensor (batch,) of classes.
        """
        labels = gather_replicas(ops.cast(pseudo_labels, "int64"))
        position, written = last_write_index(
            gather_replicas(ops.cast(index, "int32")),
            gather_replicas(ops.cast(selected_mask, "float32")),
            self.num_examples,
        )
        new = ops.take(labels, position, axis=0)
        self.selected.assign(ops.where(written, new, self.selected))

    def get_config(self) -> dict:
        """Returns the configuration."""
        return {
            **super().get_config(),
            "threshold": self.threshold,
            "warmup": self.warmup,
            "mapping": self.mapping,
            "num_classes": self.num_classes,
            "num_examples": self.num_examples,
        }
