"""Batches of a clean and a noisy view of the same labeled images."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kconsist import _checks, views
from kconsist.data import _default_views, _inputs
from kconsist.data._docs import fill_descriptions
from kconsist.data._reader import Reader


@fill_descriptions
def clean_noisy(
    source: tuple | tf.data.Dataset,
    *,
    clean: Callable | None = None,
    noisy: Callable | None = None,
    batch_size: int = 64,
    seed: int = 0,
    share_geometry: bool = False,
    unlabeled: np.ndarray | tuple | tf.data.Dataset | None = None,
    unlabeled_ratio: int = 1,
    drop_remainder: bool = True,
    steps: int | None = None,
    shuffle_buffer: int = 10_000,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Pairs a weak and a strong view of each labeled image.

    An epoch has as many whole batches as `source` fills, at least one. Each
    source is read pass after pass, each in a new order; a source smaller than
    one batch is repeated within it.

    {{epochs}}

    Args:
        source: {{labeled_source}}
        clean: view for the teacher. Defaults to `views.FlipCrop()`.
        noisy: view for the student. Defaults to `FlipCrop`, then
            `RandAugment`, then `Cutout`.
        batch_size: number of labeled images per batch. Defaults to `64`.
        seed: seed of the order and of the views. Defaults to `0`.
        share_geometry: whether both views get the same seed, so that a view
            that both contain (`FlipCrop`) flips and crops both alike.
            Defaults to `False`.
        unlabeled: {{unlabeled_source}} Defaults to none.
        unlabeled_ratio (μ): number of unlabeled images per labeled image.
            Defaults to `1`.
        drop_remainder: {{drop_remainder}}
        steps: batches per epoch. Defaults to one pass over `source`.
        shuffle_buffer: {{shuffle_buffer}}
        start_step: {{start_step}}
        input_context: {{input_context}}

    Returns:
        `tf.data.Dataset` of `({"clean": …, "noisy": …}, labels)`, `steps`
        elements; with `unlabeled` also the views `"unlabeled_clean"` and
        `"unlabeled_noisy"`, each (batch_size · unlabeled_ratio, ...).

    Raises:
        ValueError: a source is empty, has images and labels of different
            length, or has a wrong dtype; the examples are not images and the
            views are not given; or both views would be the same.

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
    batch_size = _checks.as_integer("batch_size", batch_size)
    ratio = _checks.as_integer("unlabeled_ratio", unlabeled_ratio)
    reader = Reader(
        seed=seed,
        start_step=start_step,
        shuffle_buffer=shuffle_buffer,
        input_context=input_context,
    )
    source = _inputs.standardize_source(source, labeled=True, name="source")
    _default_views.require_views(source, clean=clean, noisy=noisy)
    clean = _default_views.as_weak_view(clean)
    noisy = _default_views.as_strong_view(noisy)
    if share_geometry:
        _check_share_geometry(clean, noisy)
    steps, single_pass = reader.epoch_length(
        source, batch_size, steps, drop_remainder
    )
    reader.add_source(source, batch_size, single_pass=single_pass)
    if unlabeled is not None:
        unlabeled = _inputs.standardize_source(
            unlabeled, labeled=False, name="unlabeled"
        )
        reader.add_source(unlabeled, batch_size * ratio)

    def two_views(images, key, number):
        clean_seed = tf.random.fold_in(key, 2 * number)
        noisy_seed = tf.random.fold_in(key, 2 * number + 1)
        if share_geometry:
            noisy_seed = clean_seed
        return (
            _default_views.apply_view(clean, images, clean_seed),
            _default_views.apply_view(noisy, images, noisy_seed),
        )

    def make_batch(batches, key):
        (images, labels), *unlabeled_batches = batches
        batch = {}
        batch["clean"], batch["noisy"] = two_views(images, key, 0)
        for (images,) in unlabeled_batches:
            batch["unlabeled_clean"], batch["unlabeled_noisy"] = two_views(
                images, key, 1
            )
        return batch, labels

    return reader.batches(steps, make_batch)


def _check_share_geometry(clean, noisy):
    """Raises `ValueError` if one seed for both views makes no sense."""
    clean_parts, noisy_parts = _parts(clean), _parts(noisy)
    if len(clean_parts) == len(noisy_parts) and all(
        map(_is_same_view, clean_parts, noisy_parts)
    ):
        raise ValueError(
            "clean and noisy must differ with share_geometry=True, got "
            "the same view twice: both would give the same images"
        )
    # Layers use a seed of their own, and Identity uses none.
    clean_types, noisy_types = (
        {type(part) for part in parts} - {views.Identity, views.LayerView}
        for parts in (clean_parts, noisy_parts)
    )
    if not clean_types & noisy_types:
        raise ValueError(
            "share_geometry=True requires a view that clean and noisy both "
            f"contain, such as FlipCrop, got clean={clean} and noisy={noisy}"
        )


def _parts(view):
    return view.flat_views if isinstance(view, views.Compose) else [view]


def _is_same_view(view, other):
    if isinstance(view, views.FunctionView):
        is_function = isinstance(other, views.FunctionView)
        return is_function and view.function is other.function
    return not isinstance(view, views.LayerView) and view == other
