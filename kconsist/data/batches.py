"""Batches of labeled images, alone or with two views of unlabeled ones.

Each image is read once and then mapped to its views, so that the weak and the
strong view of a batch always show the same images, in the same order.
"""

import tensorflow as tf

from kconsist import views
from kconsist.data import defaults, inputs
from kconsist.data.reader import Reader


def semi_supervised(
    labeled,
    unlabeled,
    *,
    weak=None,
    strong=None,
    labeled_view=None,
    batch_size: int = 64,
    unlabeled_ratio: int = 7,
    with_index: bool = False,
    more: dict | None = None,
    seed: int = 0,
    steps: int | None = None,
    shuffle_buffer: int = 10_000,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Joins few labeled images with two views of many unlabeled ones.

    An epoch is as many whole batches as `unlabeled` has, at least one;
    iterating again, or `repeat()`, continues with the next epoch
    (`kconsist.data.epochs`). Each source is read pass after pass, each in a new
    order; the labeled one is repeated as often as needed, even within one batch
    where it is smaller than `batch_size`. Order and views are functions of the
    seed and the step, so the same arguments give the same batches on any number
    of threads, and `start_step=n` resumes after n steps at no cost.

    Args:
        labeled: `(images, labels)` arrays or `Examples`, images uint8 or float
            (examples, ...) and integer labels (examples,), which are read in
            place, not copied; or a `tf.data.Dataset` of single
            `(image, label)` elements.
        unlabeled: images array, `(images, labels)`, `Examples` or
            `tf.data.Dataset`; labels are not read.
        weak: view for the pseudo-labels. Defaults to `views.FlipCrop()`.
        strong: view of the student. Defaults to `FlipCrop`, then
            `RandAugment`, then `Cutout`.
        labeled_view: view of the labeled images. Defaults to `weak`.
        batch_size (B): labeled images of a batch. Defaults to `64`.
        unlabeled_ratio (μ): unlabeled images for each labeled image of a
            batch. Defaults to `7`.
        with_index: whether a batch also has the view `"index"`, which of
            `unlabeled` its images are, for methods that remember each image.
            Defaults to `False`.
        more: further views of the same unlabeled images, by name. Defaults to
            none.
        seed: seed of the order and of the views. Defaults to `0`.
        steps: batches of an epoch. Defaults to one pass over `unlabeled`.
        shuffle_buffer: size of the shuffle buffer of `tf.data` sources.
            Defaults to `10_000`.
        start_step: step of the first batch, where a run goes on. Defaults to
            `0`.
        input_context: `tf.distribute.InputContext`, where the builder is
            called by `strategy.distribute_datasets_from_function`: each worker
            then reads and augments its own share of the images of every batch,
            with views that several workers draw anew. Defaults to none.

    Returns:
        `tf.data.Dataset` of `({"labeled": …, "weak": …, "strong": …}, labels)`,
        `steps` elements: labeled images (B, ...), weak and strong views of the
        same unlabeled images (μB, ...), labels (B,); with `with_index` also
        `"index"`, int32 (μB,), and each view of `more` under its name.

    Raises:
        ValueError: a source that is empty, mismatched or of a wrong dtype, or
            no views for data that are no images.

    Example:
        ```python
        import numpy as np
        from kconsist import data, views

        images = np.zeros((64, 8, 8, 3), "uint8")
        batches = data.semi_supervised(
            (images[:4], np.arange(4)),
            images,
            strong=views.Identity(),
            batch_size=4,
        )
        batch, labels = next(iter(batches))
        assert batch["strong"].shape == (28, 8, 8, 3)
        ```
    """
    batch_size = inputs.whole_number("batch_size", batch_size)
    ratio = inputs.whole_number("unlabeled_ratio", unlabeled_ratio)
    reader = Reader(
        seed=seed,
        start_step=start_step,
        shuffle_buffer=shuffle_buffer,
        input_context=input_context,
    )
    labeled = inputs.read_source(labeled, labeled=True, name="labeled")
    unlabeled = inputs.read_source(unlabeled, labeled=False, name="unlabeled")
    defaults.need_views(labeled, weak=weak, strong=strong)
    weak = defaults.weak_view() if weak is None else views.as_view(weak)
    strong = defaults.strong_view() if strong is None else views.as_view(strong)
    labeled_view = weak if labeled_view is None else views.as_view(labeled_view)
    more = {name: views.as_view(view) for name, view in (more or {}).items()}
    taken = {"labeled", "weak", "strong", "index"} & set(more)
    if taken:
        raise ValueError(
            f"more must have names of its own, got {sorted(taken)}"
        )
    if with_index:
        unlabeled = inputs.numbered(unlabeled)
    reader.open(labeled, batch_size)
    reader.open(unlabeled, batch_size * ratio)
    steps, _ = reader.epoch_length(unlabeled, batch_size * ratio, steps, True)

    def make_batch(batches, key):
        (labeled_images, labels), (images, *index) = batches
        batch = {
            "labeled": defaults.apply_view(
                labeled_view, labeled_images, tf.random.fold_in(key, 0)
            ),
            "weak": defaults.apply_view(
                weak, images, tf.random.fold_in(key, 1)
            ),
            "strong": defaults.apply_view(
                strong, images, tf.random.fold_in(key, 2)
            ),
        }
        for number, (name, view) in enumerate(more.items(), start=3):
            batch[name] = defaults.apply_view(
                view, images, tf.random.fold_in(key, number)
            )
        if with_index:
            (batch["index"],) = index
        return batch, labels

    return reader.batches(steps, make_batch)


def labeled_views(
    source,
    *,
    view=None,
    batch_size: int = 64,
    seed: int = 0,
    shuffle: bool = True,
    drop_remainder: bool = True,
    steps: int | None = None,
    shuffle_buffer: int = 10_000,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Batches one view of labeled images, for supervised training.

    An epoch is as many whole batches as `source` has, at least one; iterating
    again, or `repeat()`, continues with the next epoch
    (`kconsist.data.epochs`). The source is read pass after pass, each in a new
    order, so a source smaller than one batch is repeated in it. Order and views
    are functions of the seed and the step, so the same arguments give the same
    batches on any number of threads, and `start_step=n` resumes after n steps
    at no cost. They are the labeled part
    of `semi_supervised`'s batches of the same arguments: a baseline without the
    unlabeled images sees the same pixels.

    Args:
        source: `(images, labels)` arrays or `Examples`, images uint8 or float
            (examples, ...) and integer labels (examples,), which are read in
            place, not copied; or a `tf.data.Dataset` of single
            `(image, label)` elements.
        view: the view. Defaults to `views.FlipCrop()`.
        batch_size: images of a batch. Defaults to `64`.
        seed: seed of the order and of the view. Defaults to `0`.
        shuffle: whether each pass has a new order. Defaults to `True`.
        drop_remainder: whether a last, smaller batch is left out. Defaults to
            `True`, which gives static shapes, as XLA needs them.
        steps: batches of an epoch. Defaults to one pass over `source`.
        shuffle_buffer: size of the shuffle buffer of `tf.data` sources.
            Defaults to `10_000`.
        start_step: step of the first batch, where a run goes on. Defaults to
            `0`.
        input_context: `tf.distribute.InputContext`, where the builder is
            called by `strategy.distribute_datasets_from_function`: each worker
            then reads and augments its own share of the images of every batch,
            with views that several workers draw anew. Defaults to none.

    Returns:
        `tf.data.Dataset` of `(images, labels)`, `steps` elements.

    Raises:
        ValueError: a source that is empty, mismatched or of a wrong dtype, or
            no view for data that are no images.

    Example:
        ```python
        import numpy as np
        from kconsist import data

        images = np.zeros((32, 8, 8, 3), "uint8")
        batches = data.labeled_views((images, np.arange(32) % 2), batch_size=16)
        assert len(batches) == 2
        ```
    """
    batch_size = inputs.whole_number("batch_size", batch_size)
    reader = Reader(
        seed=seed,
        start_step=start_step,
        shuffle_buffer=shuffle_buffer,
        input_context=input_context,
    )
    source = inputs.read_source(source, labeled=True, name="source")
    defaults.need_views(source, view=view)
    view = defaults.weak_view() if view is None else views.as_view(view)
    steps, single_pass = reader.epoch_length(
        source, batch_size, steps, drop_remainder
    )
    reader.open(source, batch_size, shuffle=shuffle, single_pass=single_pass)

    def make_batch(batches, key):
        ((images, labels),) = batches
        key = tf.random.fold_in(key, 0)  # As in semi_supervised.
        return defaults.apply_view(view, images, key), labels

    return reader.batches(steps, make_batch)
