"""Clusters as labels, as Mutual Mean-Teaching finds them.

Ge, Chen, Li 2020, "Mutual Mean-Teaching".
"""

import importlib.util

import keras
import tensorflow as tf

from kconsist import _checks
from kconsist.data.turns import Turns


class ClusterLabels(keras.callbacks.Callback):
    """Labels unlabeled images by clusters of their features, each epoch anew.

    Before an epoch it computes the trainer's features of all images, finds as
    many clusters as the student has classes by k-means, and writes each image's
    into `labels`; the trainer's last layers start from the centers, so a
    cluster's number means nothing from one epoch to the next. The optimizers
    keep their state for these layers, where the paper resets it as well.

    `data.class_balanced` waits for the labels of an epoch, also where
    `repeat()` lets it read ahead. To resume within an epoch, give this callback
    to `Resume(callbacks=…)`.

    Args:
        images: array (images, …), clean.
        seed: seed of k-means, one more in each epoch. Defaults to `0`.

    Attributes:
        labels: int32 `tf.Variable` (images,), for `data.class_balanced`.

    Raises:
        ImportError: scikit-learn is not installed.
        ValueError: when training begins, for a trainer without features, or
            with more classes than images.

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
                "ClusterLabels needs scikit-learn, and it is not installed: "
                "run `pip install scikit-learn`"
            )
        # No plain attribute: Resume writes those into each checkpoint.
        self._images = lambda: images
        self.seed = seed
        # Where the input pipeline reads it.
        with tf.device("CPU:0"):
            self.labels = tf.Variable(tf.zeros(len(images), tf.int32))
        self.labels.turns = Turns()
        self._forget()

    def _forget(self):
        # The epoch of the labels, how many of its batches were trained on, and
        # the labels: what Resume continues with inside an epoch.
        self._epoch, self._batch, self._found = None, 0, None

    def on_train_begin(self, logs=None):
        """Checks that there is something to cluster."""
        if not hasattr(self.model, "start_heads"):
            raise ValueError(
                "ClusterLabels needs a trainer with features, such as "
                f"MutualMeanTeaching, got {type(self.model).__name__}"
            )
        clusters = _checks.num_classes(self.model)
        count = len(self._images())
        if count < clusters:
            raise ValueError(
                f"the {clusters} classes of the student need as many images, "
                f"got {count}"
            )
        self._forget()
        self.labels.turns.begin()

    def on_epoch_begin(self, epoch, logs=None):
        """Finds the clusters; labels and last layers follow."""
        if epoch != self._epoch:
            self._epoch, self._batch = epoch, 0
            self._found = self._clusters(epoch)
        self._offset = self._batch
        self.labels.assign(self._found)
        steps = (self.params or {}).get("steps")
        if steps is None:
            self.labels.turns.end()
        else:
            self.labels.turns.allow(steps - self._batch)

    def _clusters(self, epoch):
        from sklearn.cluster import KMeans

        found = KMeans(
            _checks.num_classes(self.model), random_state=self.seed + epoch
        ).fit(self.model.features(self._images()))
        self.model.start_heads(found.cluster_centers_)
        return found.labels_.astype("int32")

    def on_train_batch_end(self, batch, logs=None):
        """Counts the batches of the epoch."""
        self._batch = self._offset + batch + 1

    def on_train_end(self, logs=None):
        """Lets pipelines read the labels as they are."""
        self.labels.turns.end()
