"""Batches of several views of the same images, one element for each image.

Each image is read once and then mapped to its views, so that two views of a
batch always show the same images, in the same order, in every epoch.
"""

import tensorflow as tf

from kconsist import views
from kconsist.data import defaults, inputs
from kconsist.data.reader import Reader


def clean_noisy(
    source,
    *,
    clean=None,
    noisy=None,
    batch_size: int = 64,
    seed: int = 0,
    share_geometry: bool = False,
    unlabeled=None,
    unlabeled_ratio: int = 1,
    drop_remainder: bool = True,
    steps: int | None = None,
    shuffle_buffer: int = 10_000,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Pairs a weak and a strong view of each labeled image.

    An epoch is as many whole batches as `source` has, at least one; iterating
    again, or `repeat()`, continues with the next epoch
    (`kconsist.data.epochs`). Each source is read pass after pass, each in a new
    order, so a source smaller than one batch is repeated in it. Order and views
    are functions of the seed and the step, so the same arguments give the same
    batches on any number of threads, and `start_step=n` resumes after n steps
    at no cost.

    Args:
        source: `(images, labels)` arrays or `Examples`, images uint8 or float
            (examples, ...) and integer labels (examples,), which are read in
            place, not copied; or a `tf.data.Dataset` of single
            `(image, label)` elements.
        clean: view of the teacher. Defaults to `views.FlipCrop()`.
        noisy: view of the student. Defaults to `FlipCrop`, then `RandAugment`,
            then `Cutout`.
        batch_size: labeled images of a batch. Defaults to `64`.
        seed: seed of the order and of the views. Defaults to `0`.
        share_geometry: whether both views get the same seed, so that a view
            that both contain (`FlipCrop`) draws the same flips and crops.
            Defaults to `False`.
        unlabeled: images array, `(images, labels)`, `Examples` or
            `tf.data.Dataset` for two more views; labels are not read.
            Defaults to none.
        unlabeled_ratio (μ): unlabeled images for each labeled image of a
            batch. Defaults to `1`.
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
        `tf.data.Dataset` of `({"clean": …, "noisy": …}, labels)`, `steps`
        elements; with `unlabeled` also the views `"unlabeled_clean"` and
        `"unlabeled_noisy"`, each (batch_size · unlabeled_ratio, ...).

    Raises:
        ValueError: a source that is empty, mismatched or of a wrong dtype, no
            views for data that are no images, or two views that would be the
            same.

    Example:
        ```python
        import numpy as np
        from kconsist import data, views

        images = np.zeros((32, 8, 8, 3), "uint8")
        labels = np.arange(32) % 2
        pairs = data.clean_noisy(
            (images, labels), noisy=views.Identity(), batch_size=16
        )
        batch, labels = next(iter(pairs))
        assert batch["clean"].shape == (16, 8, 8, 3)
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
    source = inputs.read_source(source, labeled=True, name="source")
    defaults.need_views(source, clean=clean, noisy=noisy)
    clean = defaults.weak_view() if clean is None else views.as_view(clean)
    noisy = defaults.strong_view() if noisy is None else views.as_view(noisy)
    if share_geometry:
        _check_shared(clean, noisy)
    steps, single_pass = reader.epoch_length(
        source, batch_size, steps, drop_remainder
    )
    reader.open(source, batch_size, single_pass=single_pass)
    if unlabeled is not None:
        unlabeled = inputs.read_source(
            unlabeled, labeled=False, name="unlabeled"
        )
        reader.open(unlabeled, batch_size * ratio)

    def two_views(images, key, number):
        clean_seed = tf.random.fold_in(key, 2 * number)
        noisy_seed = tf.random.fold_in(key, 2 * number + 1)
        if share_geometry:
            noisy_seed = clean_seed
        return (
            defaults.apply_view(clean, images, clean_seed),
            defaults.apply_view(noisy, images, noisy_seed),
        )

    def make_batch(batches, key):
        (images, labels), *others = batches
        batch = {}
        batch["clean"], batch["noisy"] = two_views(images, key, 0)
        for (images,) in others:
            batch["unlabeled_clean"], batch["unlabeled_noisy"] = two_views(
                images, key, 1
            )
        return batch, labels

    return reader.batches(steps, make_batch)


def _check_shared(clean, noisy):
    """Raises `ValueError` where one seed for both views makes no sense."""
    clean_parts, noisy_parts = _parts(clean), _parts(noisy)
    if len(clean_parts) == len(noisy_parts) and all(
        map(_same, clean_parts, noisy_parts)
    ):
        raise ValueError(
            "clean and noisy must differ with share_geometry=True, got "
            "the same view twice: both would give the same images"
        )
    # Layers draw by a seed of their own, and Identity draws nothing.
    clean_kinds, noisy_kinds = (
        {type(part) for part in parts} - {views.Identity, views.LayerView}
        for parts in (clean_parts, noisy_parts)
    )
    if not clean_kinds & noisy_kinds:
        raise ValueError(
            "share_geometry=True needs a view that clean and noisy both "
            f"contain, such as FlipCrop, got clean={clean} and noisy={noisy}"
        )


def _parts(view):
    return view.parts if isinstance(view, views.Compose) else [view]


def _same(view, other):
    if isinstance(view, views.FunctionView):
        is_function = isinstance(other, views.FunctionView)
        return is_function and view.function is other.function
    return not isinstance(view, views.LayerView) and view == other
