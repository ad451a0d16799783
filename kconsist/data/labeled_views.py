"""Batches of one view of labeled images."""

from collections.abc import Callable

import tensorflow as tf

from kconsist import _checks
from kconsist.data import _default_views, _inputs
from kconsist.data._docs import fill_descriptions
from kconsist.data._reader import Reader


@fill_descriptions
def labeled_views(
    source: tuple | tf.data.Dataset,
    *,
    view: Callable | None = None,
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

    An epoch has as many whole batches as `source` fills, at least one. The
    source is read pass after pass, each in a new order; a source smaller than
    one batch is repeated within it. The batches are the labeled part of those
    that `semi_supervised` gives for the same arguments: a baseline without
    unlabeled images sees the same pixels.

    {{epochs}}

    Args:
        source: {{labeled_source}}
        view: the view. Defaults to `views.FlipCrop()`.
        batch_size: number of images per batch. Defaults to `64`.
        seed: seed of the order and of the view. Defaults to `0`.
        shuffle: whether each pass has a new order. Defaults to `True`.
        drop_remainder: {{drop_remainder}}
        steps: batches per epoch. Defaults to one pass over `source`.
        shuffle_buffer: {{shuffle_buffer}}
        start_step: {{start_step}}
        input_context: {{input_context}}

    Returns:
        `tf.data.Dataset` of `(images, labels)`, `steps` elements.

    Raises:
        ValueError: the source is empty, has images and labels of different
            length, or has a wrong dtype; or the examples are not images and
            the view is not given.

    Example:
        ```python
        import numpy as np
        from kconsist import data

        images = np.zeros((32, 8, 8, 3), "uint8")
        batches = data.labeled_views((images, np.arange(32) % 2), batch_size=16)
        assert len(batches) == 2
        ```
    """
    batch_size = _checks.as_integer("batch_size", batch_size)
    reader = Reader(
        seed=seed,
        start_step=start_step,
        shuffle_buffer=shuffle_buffer,
        input_context=input_context,
    )
    source = _inputs.standardize_source(source, labeled=True, name="source")
    _default_views.require_views(source, view=view)
    view = _default_views.as_weak_view(view)
    steps, single_pass = reader.epoch_length(
        source, batch_size, steps, drop_remainder
    )
    reader.add_source(
        source, batch_size, shuffle=shuffle, single_pass=single_pass
    )

    def make_batch(batches, key):
        ((images, labels),) = batches
        key = tf.random.fold_in(key, 0)  # As in semi_supervised.
        return _default_views.apply_view(view, images, key), labels

    return reader.batches(steps, make_batch)
