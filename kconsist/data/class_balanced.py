"""Batches of P classes with K images each, for triplet losses.

Hermans, Beyer, Leibe 2017, "In Defense of the Triplet Loss for Person
Re-Identification", section 2.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kconsist import _checks
from kconsist.data import _default_views, _inputs
from kconsist.data._docs import fill_descriptions
from kconsist.data._epochs import count_per_iterator
from kconsist.data._reader import Reader, check_divisible
from kconsist.data._streams import count_from, take_rows


@fill_descriptions
def class_balanced(
    source: tuple,
    *,
    view: Callable | None = None,
    classes_per_batch: int = 16,
    images_per_class: int = 4,
    seed: int = 0,
    steps: int | None = None,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Pairs two views of each image, in batches of P classes, K images each.

    A batch has `classes_per_batch` classes, sampled without replacement from
    those with an image, and `images_per_class` images of each. A class with
    fewer images repeats them, and fewer classes are repeated too. A batch is a
    function of the seed, the step and the labels.

    {{epochs}}

    Args:
        source: `(images, labels)` arrays, images uint8 or float
            (examples, ...) and integer labels (examples,), which are not
            copied. Labels may be a `tf.Variable`, which is read again when an
            epoch starts; a `prefetch` after `repeat()` starts it early. Labels
            of `kconsist.callbacks.ClusterLabels` always belong to their epoch.
        view: the view of both images. Defaults to `views.FlipCrop()`.
        classes_per_batch (P): number of classes per batch. Defaults to `16`.
        images_per_class (K): number of images per class. Defaults to `4`.
        seed: seed of the order and of the views. Defaults to `0`.
        steps: batches per epoch. Defaults to as many as `source` fills.
        start_step: {{start_step}}
        input_context: {{input_context}}

    Returns:
        `tf.data.Dataset` of `({"first": …, "second": …}, labels)`, `steps`
        elements: two views of the same images (PK, ...), class after class,
        and their labels (PK,).

    Raises:
        ValueError: the source is not a pair of arrays, is empty, has images
            and labels of different length, or has a wrong dtype; or the
            examples are not images and the view is not given.

    Example:
        ```python
        import numpy as np
        from kconsist import data

        source = np.zeros((32, 8, 8, 3), "uint8"), np.arange(32) % 8
        batches = data.class_balanced(
            source, classes_per_batch=4, images_per_class=2
        )
        batch, labels = next(iter(batches))
        assert len(set(labels.numpy())) == 4 and len(labels) == 8
        ```
    """
    images, labels = _images_and_labels(source)
    classes = _checks.as_integer("classes_per_batch", classes_per_batch)
    per_class = _checks.as_integer("images_per_class", images_per_class)
    batch_size = classes * per_class
    _default_views.require_views((images,), view=view)
    view = _default_views.as_weak_view(view)
    reader = Reader(
        seed=seed,
        start_step=start_step,
        shuffle_buffer=1,
        input_context=input_context,
    )
    if input_context is not None:
        check_divisible(batch_size, False, input_context)
    steps, _ = reader.epoch_length((images,), batch_size, steps, True)
    reader.streams.append(
        ClassBalancedStream(images, labels, classes, per_class, steps)
    )

    def make_batch(batches, key):
        ((images, labels),) = batches
        first, second = (
            _default_views.apply_view(
                view, images, tf.random.fold_in(key, number)
            )
            for number in (0, 1)
        )
        return {"first": first, "second": second}, labels

    return reader.batches(steps, make_batch)


def _images_and_labels(source):
    """Returns validated images, and labels as an array or a `tf.Variable`."""
    if isinstance(source, tf.data.Dataset):
        raise ValueError(
            "source must be (images, labels) arrays, got a tf.data.Dataset: "
            "the images of each class must be known"
        )
    variable = None
    if isinstance(source, tuple) and isinstance(source[-1], tf.Variable):
        *images, variable = source
        source = *images, variable.numpy()
    images, labels = _inputs.standardize_source(
        source, labeled=True, name="source"
    )
    if variable is not None:
        labels = variable
    elif labels.max() < 2**31:
        labels = labels.astype(np.int32)
    return images, labels


class ClassBalancedStream:
    """Indices and labels of batches of P classes, K images each.

    Args:
        images: array (examples, ...).
        labels: integer array (examples,), or a `tf.Variable` of one.
        classes_per_batch: P.
        images_per_class: K.
        steps: number of batches per epoch.
    """

    def __init__(
        self, images, labels, classes_per_batch, images_per_class, steps
    ):
        self.images = images
        self.labels = labels
        self.classes_per_batch = classes_per_batch
        self.images_per_class = images_per_class
        self.steps = steps

    def batches(self, key, step):
        """Returns the batches from a step on.

        Args:
            key: int64 tensor (2,), the stream's seed.
            step: int64 tensor ().

        Returns:
            Dataset of indices int32 (batch,) and labels (batch,). The labels
            are read when an epoch starts or, if the labels have a `gate`
            (`ClusterLabels`), when they are written.
        """
        gate = getattr(self.labels, "gate", None)
        if gate is None:
            return self._sample_batches(count_from(step), key)
        made_before = count_per_iterator(tf.zeros((), tf.int64)) * self.steps

        def allowed_steps(made, _):
            limit = gate.wait(made_before + made) - made_before
            return limit, (step + made, step + limit)

        return (
            tf.data.Dataset.counter()
            .scan(tf.zeros((), tf.int64), allowed_steps)
            .flat_map(
                lambda first, end: self._sample_batches(
                    tf.data.Dataset.range(first, end), key
                )
            )
        )

    def _sample_batches(self, steps, key):
        """Returns the batches of a dataset of steps, with current labels."""
        labels = tf.convert_to_tensor(self.labels)
        tf.debugging.assert_non_negative(labels, "labels must not be negative")
        order = tf.argsort(labels, stable=True)
        classes, _, sizes = tf.unique_with_counts(tf.gather(labels, order))
        starts = tf.cumsum(sizes, exclusive=True)

        def batch_indices(step):
            step_key = tf.random.fold_in(key, step)

            def member_indices(position):
                members = sample_with_repetition(
                    tf.range(sizes[position]),
                    self.images_per_class,
                    tf.random.fold_in(step_key, classes[position] + 1),
                )
                return tf.gather(order, starts[position] + members)

            positions = sample_with_repetition(
                tf.range(tf.size(classes)),
                self.classes_per_batch,
                tf.random.fold_in(step_key, 0),
            )
            indices = tf.map_fn(
                member_indices,
                positions,
                fn_output_signature=tf.TensorSpec(
                    (self.images_per_class,), tf.int32
                ),
            )
            size = self.classes_per_batch * self.images_per_class
            indices = tf.reshape(indices, (size,))
            return indices, tf.gather(labels, indices)

        return steps.map(batch_indices)

    def read(self, batch):
        """Returns the images of a batch and their labels."""
        indices, labels = batch
        return *take_rows((self.images,), indices), labels


def sample_with_repetition(values, count, key):
    """Returns `count` values of a vector in random order.

    Values repeat only if the vector has fewer than `count`.
    """
    values = tf.random.experimental.stateless_shuffle(values, key)
    return tf.gather(values, tf.range(count) % tf.size(values))
