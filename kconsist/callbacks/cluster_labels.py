"""Cluster labels of Mutual Mean-Teaching.

Ge, Chen, Li 2020, "Mutual Mean-Teaching".
"""

import importlib.util

import keras
import tensorflow as tf

from kconsist import _checks
from kconsist.callbacks._label_gate import LabelGate


class ClusterLabels(keras.callbacks.Callback):
    """Labels unlabeled images by k-means clusters of their features.

    Before each epoch it computes the trainer's features of all images, finds as
    many clusters as the student has classes, and writes the cluster of each
    image into `labels`. The trainer's last layers are initialized with the
    cluster centers, so the number of a cluster has no meaning across epochs.
    The optimizers keep their state for these layers; the paper resets it too.

    `data.class_balanced` waits for the labels of an epoch, even if `repeat()`
    lets it read ahead. To resume within an epoch, pass this callback to
    `Resume(callbacks=…)`.

    Args:
        images: array (images, …), clean.
        seed: seed of k-means in epoch 0; each epoch adds 1. Defaults to `0`.

    Attributes:
        labels: int32 `tf.Variable` (images,), for `data.class_balanced`.

    Raises:
        ImportError: scikit-learn is not installed.
        ValueError: when training begins, the trainer has no features, or more
            classes than there are images.

    Example:
        ```python
        import numpy as np
        from kconsist import callbacks

        clusters = callbacks.ClusterLabels(np.zeros((100, 2), "float32"))
        assert clusters.labels.shape == (100,)
        ```

    Reference: Ge et al. 2020, https://arxiv.org/abs/2001.01526, section 3.1.
    """

    def __init__(self, images, seed: int = 0):
        super().__init__()
        if importlib.util.find_spec("sklearn") is None:
            raise ImportError(
                "ClusterLabels requires scikit-learn, which is not installed: "
                "run `pip install scikit-learn`"
            )
        # Not a plain attribute: Resume would write it into each checkpoint.
        self._images = lambda: images
        self.seed = seed
        # On the CPU, where the input pipeline reads it.
        with tf.device("CPU:0"):
            self.labels = tf.Variable(tf.zeros(len(images), tf.int32))
        self.labels.gate = LabelGate()
        self._reset_epoch()

    def _reset_epoch(self):
        # The epoch of the labels, how many of its batches were trained on, and
        # the labels. Resume saves these to resume within an epoch.
        self._epoch, self._batch, self._found = None, 0, None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Checks the trainer and the number of images; closes the gate."""
        if not hasattr(self.model, "start_heads"):
            raise ValueError(
                "ClusterLabels requires a trainer with features, such as "
                f"MutualMeanTeaching, got {type(self.model).__name__}"
            )
        num_clusters = _checks.num_classes(self.model)
        num_images = len(self._images())
        if num_images < num_clusters:
            raise ValueError(
                f"the {num_clusters} classes of the student require at least "
                f"{num_clusters} images, got {num_images}"
            )
        self._reset_epoch()
        self.labels.gate.close()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Finds the clusters; sets the labels and the last layers."""
        if epoch != self._epoch:
            self._epoch, self._batch = epoch, 0
            self._found = self._find_clusters(epoch)
        self._offset = self._batch
        self.labels.assign(self._found)
        steps = (self.params or {}).get("steps")
        if steps is None:
            self.labels.gate.open()
        else:
            self.labels.gate.allow(steps - self._batch)

    def _find_clusters(self, epoch):
        from sklearn.cluster import KMeans

        found = KMeans(
            _checks.num_classes(self.model), random_state=self.seed + epoch
        ).fit(self.model.features(self._images()))
        self.model.start_heads(found.cluster_centers_)
        return found.labels_.astype("int32")

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts the batches of the epoch."""
        self._batch = self._offset + batch + 1

    def on_train_end(self, logs: dict | None = None) -> None:
        """Opens the gate: pipelines may read the last labels."""
        self.labels.gate.open()
