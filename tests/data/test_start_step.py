"""Batches are a function of the seed and the step: a run resumes anywhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist import data, views

COUNT = 22


def indexed_source(kind, count=COUNT):
    """Returns a source of images with their index in the first pixel."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 12, 10, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    source = images, np.arange(count)
    if kind == "arrays":
        return source
    return tf.data.Dataset.from_tensor_slices(source)


def keep_first_pixel(images, seed):
    """A weak view that keeps the index in the first pixel."""
    viewed = views.FlipCrop()(images, seed)
    index = tf.concat([images[:, :1, :1], viewed[:, :1, 1:]], axis=2)
    return tf.concat([index, viewed[:, 1:]], axis=1)


def build(name, kind, **options):
    if name == "labeled_views":
        return data.labeled_views(
            indexed_source(kind), view=keep_first_pixel, batch_size=4, **options
        )
    if name == "clean_noisy":
        return data.clean_noisy(
            indexed_source(kind),
            clean=keep_first_pixel,
            noisy=views.Cutout(),
            batch_size=4,
            unlabeled=indexed_source(kind, 13),
            unlabeled_ratio=2,
            **options,
        )
    return data.semi_supervised(
        indexed_source(kind, 3),
        indexed_source(kind),
        weak=keep_first_pixel,
        strong=views.Cutout(),
        batch_size=2,
        unlabeled_ratio=2,
        **options,
    )


def flat(batches):
    return [np.asarray(t) for batch in batches for t in tf.nest.flatten(batch)]


def assert_same(one, other):
    one, other = flat(one), flat(other)
    assert len(one) == len(other) > 0
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


builders = pytest.mark.parametrize(
    "name", ["labeled_views", "clean_noisy", "semi_supervised"]
)
kinds = pytest.mark.parametrize("kind", ["arrays", "dataset"])


@builders
@kinds
@pytest.mark.parametrize(
    "step",
    [*(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 5)), 12],
)
def test_a_run_resumes_at_any_step(name, kind, step):
    # 22 images are 5 batches per epoch: steps 3 and 12 are within an epoch.
    uninterrupted = build(name, kind).repeat(4)
    resumed = build(name, kind, start_step=step).repeat(4)
    assert_same(uninterrupted.skip(step), resumed.take(20 - step))


@builders
def test_epochs_follow_each_other_without_repeat(name):
    batches = build(name, "arrays")
    assert len(batches) == 5
    epochs = [*batches, *batches, *batches]
    assert_same(epochs, build(name, "arrays").repeat(3))
    assert_same(epochs[5:10], build(name, "arrays", start_step=5))


@kinds
def test_with_a_smaller_last_batch_a_run_resumes_at_an_epoch(kind):
    options = {"drop_remainder": False}
    uninterrupted = build("labeled_views", kind, **options).repeat(3)
    resumed = build("labeled_views", kind, start_step=12, **options)
    assert [len(labels) for _, labels in resumed] == [4, 4, 4, 4, 4, 2]
    assert_same(
        uninterrupted.skip(12),
        build("labeled_views", kind, start_step=12, **options),
    )
    with pytest.raises(ValueError, match="multiple of the 6 steps.*got 8"):
        build("labeled_views", kind, start_step=8, **options)


@pytest.mark.slow
@builders
@kinds
def test_batches_ignore_the_global_seed(name, kind):
    keras.utils.set_random_seed(0)
    one = flat(build(name, kind))
    keras.utils.set_random_seed(1)
    other = flat(build(name, kind))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


@kinds
def test_order_does_not_depend_on_the_batch_size(kind):
    def order(batch_size):
        batches = data.labeled_views(
            indexed_source(kind),
            view=views.Identity(),
            batch_size=batch_size,
            steps=60 // batch_size,
        )
        return np.concatenate([labels for _, labels in batches])

    np.testing.assert_array_equal(order(4), order(10))
    np.testing.assert_array_equal(order(4), order(1))


@kinds
def test_resuming_far_ahead_calls_no_view(kind):
    batch_sizes = []

    def recording_view(images, seed):
        del seed
        return tf.numpy_function(
            lambda x: batch_sizes.append(len(x)) or x, [images], tf.uint8
        )

    batches = data.labeled_views(
        indexed_source(kind),
        view=recording_view,
        batch_size=4,
        start_step=10**9,
        steps=3,
    )
    assert len(list(batches)) == 3
    assert batch_sizes == [4, 4, 4]


@pytest.mark.slow
@builders
@kinds
def test_workers_read_shards_of_each_batch(name, kind):
    whole = list(build(name, kind))
    workers = [
        build(
            name,
            kind,
            input_context=tf.distribute.InputContext(2, worker, 2),
        )
        for worker in range(2)
    ]
    index = {"labeled_views": None, "clean_noisy": "clean"}.get(name, "weak")
    for (batch, labels), *parts in zip(whole, *workers, strict=True):
        joined = tf.concat([part_labels for _, part_labels in parts], 0)
        np.testing.assert_array_equal(joined, labels)
        images = [b if index is None else b[index] for b, _ in [*parts]]
        images = tf.concat(images, 0)
        expected = batch if index is None else batch[index]
        np.testing.assert_array_equal(images[:, 0, 0, 0], expected[:, 0, 0, 0])
    # The views of the workers have different seeds.
    first, second = (flat(worker) for worker in workers)
    assert any(
        np.any(left != right)
        for left, right in zip(first, second, strict=True)
        if left.ndim == 4
    )


@kinds
def test_the_shards_of_all_replicas_are_the_batch_of_one_device(kind, mirrored):
    whole = build("semi_supervised", kind)
    split = mirrored.distribute_datasets_from_function(
        lambda context: build("semi_supervised", kind, input_context=context)
    )
    for one, parts in zip(whole, split, strict=True):
        for expected, part in zip(
            tf.nest.flatten(one), tf.nest.flatten(parts), strict=True
        ):
            values = mirrored.experimental_local_results(part)
            assert len(values[0]) == len(values[1]) == len(expected) // 2
            np.testing.assert_array_equal(tf.concat(values, 0), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_step": -1}, "start_step must be .* got -1"),
        ({"start_step": 1.5}, "start_step must be .* got 1.5"),
        ({"shuffle_buffer": 0}, "shuffle_buffer must be .* got 0"),
        (
            {"input_context": tf.distribute.InputContext(3, 0, 3)},
            "3 replicas of input_context, got a batch of 4",
        ),
        (
            {
                "input_context": tf.distribute.InputContext(2, 0, 2),
                "drop_remainder": False,
            },
            "drop_remainder must be True",
        ),
    ],
)
def test_invalid_positions_are_rejected(options, message):
    with pytest.raises(ValueError, match=message):
        build("labeled_views", "arrays", **options)
