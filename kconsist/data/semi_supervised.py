"""Batches of labeled images with two views of unlabeled ones."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kconsist import _checks, views
from kconsist.data import _default_views, _inputs
from kconsist.data._docs import fill_descriptions
from kconsist.data._reader import Reader


@fill_descriptions
def semi_supervised(
    labeled: tuple | tf.data.Dataset,
    unlabeled: np.ndarray | tuple | tf.data.Dataset,
    *,
    weak: Callable | None = None,
    strong: Callable | None = None,
    labeled_view: Callable | None = None,
    batch_size: int = 64,
    unlabeled_ratio: int = 7,
    with_index: bool = False,
    more_views: dict[str, Callable] | None = None,
    seed: int = 0,
    steps: int | None = None,
    shuffle_buffer: int = 10_000,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Combines labeled images with two views of unlabeled images.

    An epoch has as many whole batches as `unlabeled` fills, at least one. Each
    source is read pass after pass, each in a new order; the labeled one is
    repeated as often as needed, even within one batch if it is smaller than
    `batch_size`.

    {{epochs}}

    Args:
        labeled: {{labeled_source}}
        unlabeled: {{unlabeled_source}}
        weak: view for the pseudo-labels. Defaults to `views.FlipCrop()`.
        strong: view for the student. Defaults to `FlipCrop`, then
            `RandAugment`, then `Cutout`.
        labeled_view: view of the labeled images. Defaults to `weak`.
        batch_size (B): number of labeled images per batch. Defaults to `64`.
        unlabeled_ratio (μ): number of unlabeled images per labeled image.
            Defaults to `7`.
        with_index: whether a batch also has the view `"index"`, the indices of
            its images in `unlabeled`, for methods that keep state per image.
            Defaults to `False`.
        more_views: dict of further views of the same unlabeled images, by
            name. Defaults to none.
        seed: seed of the order and of the views. Defaults to `0`.
        steps: batches per epoch. Defaults to one pass over `unlabeled`.
        shuffle_buffer: {{shuffle_buffer}}
        start_step: {{start_step}}
        input_context: {{input_context}}

    Returns:
        `tf.data.Dataset` of `({"labeled": …, "weak": …, "strong": …}, labels)`,
        `steps` elements: labeled images (B, ...), weak and strong views of the
        same unlabeled images (μB, ...), labels (B,); with `with_index` also
        `"index"`, int32 (μB,), and each view of `more_views`.

    Raises:
        ValueError: a source is empty, has images and labels of different
            length, or has a wrong dtype; or the examples are not images and
            the views are not given.

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
    batch_size = _checks.as_integer("batch_size", batch_size)
    ratio = _checks.as_integer("unlabeled_ratio", unlabeled_ratio)
    reader = Reader(
        seed=seed,
        start_step=start_step,
        shuffle_buffer=shuffle_buffer,
        input_context=input_context,
    )
    labeled = _inputs.standardize_source(labeled, labeled=True, name="labeled")
    unlabeled = _inputs.standardize_source(
        unlabeled, labeled=False, name="unlabeled"
    )
    _default_views.require_views(labeled, weak=weak, strong=strong)
    weak = _default_views.as_weak_view(weak)
    strong = _default_views.as_strong_view(strong)
    labeled_view = weak if labeled_view is None else views.as_view(labeled_view)
    more_views = {
        name: views.as_view(view) for name, view in (more_views or {}).items()
    }
    reserved = {"labeled", "weak", "strong", "index"} & set(more_views)
    if reserved:
        raise ValueError(
            "more_views must not use the names of other views, got "
            f"{sorted(reserved)}"
        )
    if with_index:
        unlabeled = _inputs.add_index(unlabeled)
    reader.add_source(labeled, batch_size)
    reader.add_source(unlabeled, batch_size * ratio)
    steps, _ = reader.epoch_length(unlabeled, batch_size * ratio, steps, True)

    def make_batch(batches, key):
        (labeled_images, labels), (images, *index) = batches
        unlabeled_views = {"weak": weak, "strong": strong, **more_views}
        batch = {
            "labeled": _default_views.apply_view(
                labeled_view, labeled_images, tf.random.fold_in(key, 0)
            )
        }
        for number, (name, view) in enumerate(unlabeled_views.items(), 1):
            batch[name] = _default_views.apply_view(
                view, images, tf.random.fold_in(key, number)
            )
        if with_index:
            (batch["index"],) = index
        return batch, labels

    return reader.batches(steps, make_batch)
