"""Clusters as labels, as Mutual Mean-Teaching finds them.

Ge, Chen, Li 2020, "Mutual Mean-Teaching".
"""

import importlib.util

import keras
import tensorflow as tf

from kconsist import checks


class ClusterLabels(keras.callbacks.Callback):
    """Labels unlabeled images by clusters of their features, each epoch anew.

    Before an epoch it asks the trainer for the features of all images, finds
    as many clusters as the student has classes by k-means, and writes each
    image's into `labels`; the trainer's last layers start from the centers, so
    that a cluster's number means nothing from one epoch to the next. The
    optimizers keep what they know of these layers, where the paper starts them
    anew as well.

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
        self.images = images
        self.seed = seed
        # Where the input pipeline reads it.
        with tf.device("CPU:0"):
            self.labels = tf.Variable(tf.zeros(len(images), tf.int32))

    def on_train_begin(self, logs=None):
        """Checks that there is something to cluster."""
        if not hasattr(self.model, "start_heads"):
            raise ValueError(
                "ClusterLabels needs a trainer with features, such as "
                f"MutualMeanTeaching, got {type(self.model).__name__}"
            )
        clusters = checks.num_classes(self.model)
        if len(self.images) < clusters:
            raise ValueError(
                f"the {clusters} classes of the student need as many images, "
                f"got {len(self.images)}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        """Finds the clusters; labels and last layers follow."""
        from sklearn.cluster import KMeans

        found = KMeans(
            checks.num_classes(self.model), random_state=self.seed + epoch
        ).fit(self.model.features(self.images))
        self.labels.assign(found.labels_.astype("int32"))
        self.model.start_heads(found.cluster_centers_)
