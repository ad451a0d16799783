"""Batches of so many classes, and so many images of each, P x K.

Hermans, Beyer, Leibe 2017, "In Defense of the Triplet Loss for Person
Re-Identification", section 2.
"""

import numpy as np
import tensorflow as tf

from kconsist import views
from kconsist.data import defaults, inputs
from kconsist.data.epochs import next_number
from kconsist.data.reader import Reader, check_shares
from kconsist.data.streams import numbers_from, rows


def class_balanced(
    source,
    *,
    view=None,
    classes_per_batch: int = 16,
    images_per_class: int = 4,
    seed: int = 0,
    steps: int | None = None,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Pairs two draws of one view, in batches that losses of triplets need.

    A batch has `classes_per_batch` classes, drawn without repetition among
    those that have an image, and `images_per_class` images of each; a class
    with fewer repeats its own, and so do the classes where there are fewer. It
    is a function of the seed, the step and the labels.

    Args:
        source: `(images, labels)` arrays, images uint8 or float
            (examples, ...) and integer labels (examples,), which are read in
            place, not copied. Labels that are a `tf.Variable` are read anew
            when an epoch is opened, which a `prefetch` after `repeat()` does
            early. Those of `kconsist.callbacks.ClusterLabels` are always their
            epoch's own.
        view: the view of both images. Defaults to `views.FlipCrop()`.
        classes_per_batch (P): Defaults to `16`.
        images_per_class (K): Defaults to `4`.
        seed: seed of the draws and of the views. Defaults to `0`.
        steps: batches of an epoch. Defaults to as many as `source` fills.
        start_step: step of the first batch, where a run goes on. Defaults to
            `0`.
        input_context: `tf.distribute.InputContext`, where the builder is
            called by `strategy.distribute_datasets_from_function`: each worker
            then augments its own share of every batch. Defaults to none.

    Returns:
        `tf.data.Dataset` of `({"first": …, "second": …}, labels)`, `steps`
        elements: two views of the same images (PK, ...), class after class,
        and their labels (PK,).

    Raises:
        ValueError: a source that is no pair of arrays, or is empty, mismatched
            or of a wrong dtype, or no view for data that are no images.

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
    if isinstance(source, tf.data.Dataset):
        raise ValueError(
            "source must be (images, labels) arrays, got a tf.data.Dataset: "
            "which images a class has must be known"
        )
    moving = None
    if isinstance(source, tuple) and isinstance(source[-1], tf.Variable):
        *images, moving = source
        source = *images, moving.numpy()
    images, labels = inputs.read_source(source, labeled=True, name="source")
    if moving is not None:
        labels = moving
    elif labels.max() < 2**31:
        labels = labels.astype(np.int32)
    count = inputs.whole_number("classes_per_batch", classes_per_batch)
    each = inputs.whole_number("images_per_class", images_per_class)
    defaults.need_views((images,), view=view)
    view = defaults.weak_view() if view is None else views.as_view(view)
    reader = Reader(
        seed=seed,
        start_step=start_step,
        shuffle_buffer=1,
        input_context=input_context,
    )
    if input_context is not None:
        check_shares(count * each, False, input_context)
    steps, _ = reader.epoch_length((images,), count * each, steps, True)
    reader.streams.append(ClassStream(images, labels, count, each, steps))

    def make_batch(batches, key):
        ((images, labels),) = batches
        first, second = (
            defaults.apply_view(view, images, tf.random.fold_in(key, number))
            for number in (0, 1)
        )
        return {"first": first, "second": second}, labels

    return reader.batches(steps, make_batch)


class ClassStream:
    """Indices of so many classes, and so many of each, and their labels.

    Args:
        images: array (examples, ...).
        labels: integer array (examples,), or a `tf.Variable` of one.
        count: classes of a batch.
        each: images of a class.
        steps: batches of an epoch.
    """

    def __init__(self, images, labels, count, each, steps):
        """Keeps the images as they are."""
        self.labels = labels
        self.count = count
        self.each = each
        self.steps = steps
        self.images = images

    def batches(self, key, step):
        """Returns the batches from a step on.

        Args:
            key: int64 tensor (2,), the stream's seed.
            step: int64 tensor ().

        Returns:
            dataset of indices int32 (batch,) and labels (batch,), those of
            the time when an epoch is opened or, with `Turns`, when they are
            written.
        """
        turns = getattr(self.labels, "turns", None)
        if turns is None:
            return self._drawn(numbers_from(step), key)
        before = next_number(tf.zeros((), tf.int64)) * self.steps

        def turn(made, _):
            limit = turns.wait(before + made) - before
            return limit, (step + made, step + limit)

        return (
            tf.data.Dataset.counter()
            .scan(tf.zeros((), tf.int64), turn)
            .flat_map(
                lambda first, end: self._drawn(
                    tf.data.Dataset.range(first, end), key
                )
            )
        )

    def _drawn(self, steps, key):
        """Returns the batches of steps, with the labels of now."""
        labels = tf.convert_to_tensor(self.labels)
        tf.debugging.assert_non_negative(labels, "labels must not be negative")
        order = tf.argsort(labels, stable=True)
        classes, _, sizes = tf.unique_with_counts(tf.gather(labels, order))
        starts = tf.cumsum(sizes, exclusive=True)

        def indices_of(step):
            key_of_step = tf.random.fold_in(key, step)

            def members(place):
                drawn = shuffled_first(
                    tf.range(sizes[place]),
                    self.each,
                    tf.random.fold_in(key_of_step, classes[place] + 1),
                )
                return tf.gather(order, starts[place] + drawn)

            places = shuffled_first(
                tf.range(tf.size(classes)),
                self.count,
                tf.random.fold_in(key_of_step, 0),
            )
            signature = tf.TensorSpec((self.each,), tf.int32)
            indices = tf.map_fn(members, places, fn_output_signature=signature)
            indices = tf.reshape(indices, (self.count * self.each,))
            return indices, tf.gather(labels, indices)

        return steps.map(indices_of)

    def read(self, batch):
        """Returns the images of a batch and their labels."""
        indices, labels = batch
        return *rows((self.images,), indices), labels


def shuffled_first(values, count, key):
    """Returns `count` of a vector in a drawn order, repeated where fewer."""
    values = tf.random.experimental.stateless_shuffle(values, key)
    return tf.gather(values, tf.range(count) % tf.size(values))
