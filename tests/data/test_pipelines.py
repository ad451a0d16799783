"""Views of a batch: aligned, shuffled, reproducible, of the right shapes."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist import data, views
from kconsist.data import _streams

COUNT = 30


def same(images, seed):
    """A view that changes nothing."""
    del seed
    return images


def negative(images, seed):
    """A view that depends only on the image."""
    del seed
    return 255 - images


def noise(images, seed):
    """A view that fills all rows but the first with a level from its seed."""
    level = tf.random.stateless_uniform((), seed, 0, 256, tf.int32)
    level = tf.fill(tf.shape(images[:, 1:]), tf.cast(level, tf.uint8))
    return tf.concat([images[:, :1], level], axis=1)


def indexed_source(count=COUNT, kind="arrays"):
    """Returns a source of images filled with their index."""
    index = np.arange(count)
    images = np.zeros((count, 8, 8, 3), np.uint8) + index[:, None, None, None]
    images, labels = images.astype(np.uint8), index.astype(np.int64)
    if kind == "arrays":
        return images, labels
    if kind == "examples":
        return data.Examples(images, labels)
    return tf.data.Dataset.from_tensor_slices((images, labels))


def index_of(images):
    return np.asarray(images)[:, 0, 0, 0].astype(int)


def flat(dataset):
    return [np.asarray(t) for batch in dataset for t in tf.nest.flatten(batch)]


def assert_same_batches(one, other):
    one, other = flat(one), flat(other)
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


kinds = pytest.mark.parametrize("kind", ["arrays", "examples", "dataset"])


@kinds
def test_pairs_show_the_same_images_in_every_epoch(kind):
    pairs = data.clean_noisy(
        indexed_source(kind=kind), clean=same, noisy=negative, batch_size=6
    )
    for _ in range(3):
        for batch, labels in pairs:
            np.testing.assert_array_equal(batch["noisy"], 255 - batch["clean"])
            np.testing.assert_array_equal(index_of(batch["clean"]), labels)


@kinds
def test_unlabeled_pairs_show_the_same_images_in_every_epoch(kind):
    pairs = data.clean_noisy(
        indexed_source(12),
        clean=same,
        noisy=negative,
        batch_size=4,
        unlabeled=indexed_source(50, kind),
        unlabeled_ratio=3,
    )
    for _ in range(3):
        for batch, labels in pairs:
            np.testing.assert_array_equal(index_of(batch["clean"]), labels)
            unlabeled = batch["unlabeled_clean"]
            assert unlabeled.shape == (12, 8, 8, 3)
            np.testing.assert_array_equal(
                batch["unlabeled_noisy"], 255 - unlabeled
            )


@kinds
def test_weak_and_strong_show_the_same_images_in_every_epoch(kind):
    batches = data.semi_supervised(
        indexed_source(5, kind),
        indexed_source(60, kind),
        weak=same,
        strong=negative,
        batch_size=4,
        unlabeled_ratio=5,
    )
    assert len(batches) == 3
    for _ in range(3):
        for batch, labels in batches:
            np.testing.assert_array_equal(batch["strong"], 255 - batch["weak"])
            np.testing.assert_array_equal(index_of(batch["labeled"]), labels)


def test_pairs_stay_aligned_after_reading_only_one_view():
    pairs = data.clean_noisy(
        indexed_source(), clean=same, noisy=negative, batch_size=5
    )
    clean_only = pairs.map(lambda batch, labels: (batch["clean"], labels))
    next(iter(pairs))
    list(clean_only)
    for batch, labels in pairs:
        np.testing.assert_array_equal(batch["noisy"], 255 - batch["clean"])
        np.testing.assert_array_equal(index_of(batch["clean"]), labels)


@kinds
def test_each_epoch_is_a_new_permutation(kind):
    batches = data.labeled_views(
        indexed_source(kind=kind), view=same, batch_size=5
    )
    epochs = [np.concatenate([y for _, y in batches]) for _ in range(4)]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(COUNT))
    assert len({tuple(epoch) for epoch in epochs}) == 4


@kinds
def test_longer_epoch_continues_with_the_next_permutation(kind):
    batches = data.labeled_views(
        indexed_source(10, kind), view=same, batch_size=4, steps=10
    )
    stream = np.concatenate([y for _, y in batches]).reshape(4, 10)
    for one_pass in stream:
        np.testing.assert_array_equal(np.sort(one_pass), np.arange(10))
    assert len({tuple(one_pass) for one_pass in stream}) > 1


@kinds
def test_a_small_labeled_set_repeats_within_a_batch(kind):
    batches = data.semi_supervised(
        indexed_source(4, kind),
        indexed_source(40, kind),
        weak=same,
        strong=same,
        batch_size=8,
        unlabeled_ratio=2,
    )
    for _, labels in batches:
        np.testing.assert_array_equal(np.bincount(labels), [2, 2, 2, 2])


KEY_AND_STEP = tf.constant([1, 2], tf.int64), tf.constant(0, tf.int64)


@kinds
def test_index_is_that_of_the_unlabeled_images(kind):
    images, labels = indexed_source(50)
    images = 255 - images
    if kind == "dataset":
        unlabeled = tf.data.Dataset.from_tensor_slices(images)
    else:
        unlabeled = images
    batches = data.semi_supervised(
        indexed_source(4),
        unlabeled,
        weak=same,
        strong=negative,
        batch_size=2,
        unlabeled_ratio=5,
        with_index=True,
    )
    for batch, _ in batches.repeat(2):
        assert batch["index"].dtype == tf.int32
        np.testing.assert_array_equal(batch["index"], index_of(batch["strong"]))


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_every_example_is_equally_likely_at_every_position(size):
    stream = _streams.ArrayStream((np.arange(size),), batch_size=3000 * size)
    passes = next(iter(stream.batches(*KEY_AND_STEP))).numpy()
    passes = passes.reshape(3000, size)
    np.testing.assert_array_equal(np.sort(passes), [range(size)] * 3000)
    for position in passes.T:
        # The standard deviation of these binomials is at most 28.
        counts = np.bincount(position, minlength=size)
        assert np.all(np.abs(counts - 3000 / size) < 4 * 28)


def test_passes_are_all_different():
    stream = _streams.ArrayStream((np.arange(10),), batch_size=30_000)
    passes = next(iter(stream.batches(*KEY_AND_STEP))).numpy()
    passes = passes.reshape(3000, 10)
    # About one pair among 3000 of 10! = 3.6 million orders may coincide.
    assert len(np.unique(passes, axis=0)) > 2990


@kinds
def test_repeat_gives_new_orders_and_views(kind):
    batches = data.labeled_views(
        indexed_source(10, kind), view=noise, batch_size=10
    ).repeat(3)
    images, labels = zip(*batches, strict=True)
    assert len({tuple(y.numpy()) for y in labels}) == 3
    assert len({int(x[0, 1, 0, 0]) for x in images}) == 3


@pytest.mark.slow
@kinds
def test_same_seed_gives_the_same_epochs(kind):
    def build(seed):
        return data.clean_noisy(
            indexed_source(kind=kind), noisy=noise, batch_size=6, seed=seed
        )

    one, other, third = build(3), build(3), build(4)
    for _ in range(2):
        assert_same_batches(one, other)
    labels = np.concatenate([y for _, y in build(3)])
    assert np.any(labels != np.concatenate([y for _, y in third]))


def test_batches_do_not_depend_on_parallelism():
    def build(threads):
        batches = data.semi_supervised(
            indexed_source(),
            indexed_source(),
            strong=noise,
            batch_size=3,
            unlabeled_ratio=2,
        )
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        options.autotune.enabled = threads > 1
        return batches.with_options(options)

    assert_same_batches(build(1), build(4))


def test_an_unfinished_epoch_is_read_again():
    whole = data.labeled_views(indexed_source(), view=noise, batch_size=5)
    part = data.labeled_views(indexed_source(), view=noise, batch_size=5)
    next(iter(part))
    assert_same_batches(whole, part)


def test_skip_reaches_a_later_step():
    def build():
        return data.labeled_views(indexed_source(), view=noise, batch_size=5)

    stream = build().repeat(3)
    resumed = build().repeat(3).skip(8)
    assert_same_batches(list(stream)[8:], resumed)


def test_views_of_a_step_have_different_seeds():
    batches = data.semi_supervised(
        indexed_source(),
        indexed_source(),
        weak=noise,
        strong=noise,
        batch_size=5,
        unlabeled_ratio=1,
    )
    levels = [
        [int(batch[name][0, 1, 0, 0]) for name in ("labeled", "weak", "strong")]
        for batch, _ in batches
    ]
    # Two of 18 samples from 256 levels may coincide, whole columns do not.
    assert len({tuple(column) for column in zip(*levels, strict=True)}) == 3
    assert len({tuple(row) for row in levels}) == 6


def test_shared_geometry_flips_and_crops_both_views_alike():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (16, 12, 12, 3), np.uint8)
    labels = np.arange(16)

    def negative_after(crop):
        return views.Compose([crop, views.FunctionView(negative)])

    def build(share_geometry):
        return data.clean_noisy(
            (images, labels),
            clean=views.FlipCrop(),
            noisy=negative_after(views.FlipCrop()),
            batch_size=8,
            share_geometry=share_geometry,
            unlabeled=images,
        )

    for batch, _ in build(True):
        np.testing.assert_array_equal(batch["noisy"], 255 - batch["clean"])
        np.testing.assert_array_equal(
            batch["unlabeled_noisy"], 255 - batch["unlabeled_clean"]
        )
    for batch, _ in build(False):
        assert np.any(batch["noisy"] != 255 - batch["clean"])


@pytest.mark.parametrize(
    ("clean", "noisy", "message"),
    [
        (views.FlipCrop(), views.FlipCrop(), "must differ"),
        (same, same, "must differ"),
        (views.Identity(), views.Identity(), "must differ"),
        (views.FlipCrop(), views.Cutout(), "both contain"),
        (views.FlipCrop(), keras.layers.RandomFlip(), "both contain"),
        (
            keras.layers.RandomFlip(),
            keras.layers.RandomRotation(0.1),
            "both contain",
        ),
    ],
)
def test_shared_geometry_without_effect_is_an_error(clean, noisy, message):
    with pytest.raises(ValueError, match=message):
        data.clean_noisy(
            indexed_source(), clean=clean, noisy=noisy, share_geometry=True
        )


@kinds
def test_shapes_are_static_without_remainder(kind):
    pairs = data.clean_noisy(
        indexed_source(kind=kind),
        noisy=None if kind == "arrays" else views.Cutout(),
        batch_size=4,
        unlabeled=indexed_source(kind=kind),
        unlabeled_ratio=2,
    )
    batch, labels = pairs.element_spec
    shapes = {name: spec.shape.as_list() for name, spec in batch.items()}
    assert shapes == {
        "clean": [4, 8, 8, 3],
        "noisy": [4, 8, 8, 3],
        "unlabeled_clean": [8, 8, 8, 3],
        "unlabeled_noisy": [8, 8, 8, 3],
    }
    assert labels.shape == (4,)
    assert all(spec.dtype == tf.uint8 for spec in batch.values())
    assert len(pairs) == COUNT // 4


@kinds
def test_remainder_is_a_smaller_last_batch(kind):
    batches = data.labeled_views(
        indexed_source(kind=kind), view=same, batch_size=8, drop_remainder=False
    )
    assert len(batches) == 4
    for _ in range(2):
        labels = [y.numpy() for _, y in batches]
        assert [len(y) for y in labels] == [8, 8, 8, 6]
        np.testing.assert_array_equal(
            np.sort(np.concatenate(labels)), np.arange(COUNT)
        )


@kinds
def test_unshuffled_batches_keep_the_order(kind):
    batches = data.labeled_views(
        indexed_source(kind=kind),
        view=same,
        batch_size=8,
        shuffle=False,
        drop_remainder=False,
    )
    labels = np.concatenate([y for _, y in batches])
    np.testing.assert_array_equal(labels, np.arange(COUNT))


def test_unlabeled_sources_may_be_only_images():
    images, labels = indexed_source()
    for unlabeled in (
        images,
        (images, labels.astype(np.float32)),
        tf.data.Dataset.from_tensor_slices(images),
        tf.data.Dataset.from_tensor_slices((images, labels)),
    ):
        batches = data.semi_supervised(
            (images, labels), unlabeled, weak=same, strong=same, batch_size=2
        )
        assert len(batches) == 2
        assert next(iter(batches))[0]["weak"].shape == (14, 8, 8, 3)


def test_labeled_view_defaults_to_the_weak_view():
    def first(**labeled_view):
        batches = data.semi_supervised(
            indexed_source(),
            indexed_source(),
            weak=negative,
            strong=same,
            batch_size=2,
            **labeled_view,
        )
        batch, labels = next(iter(batches))
        return index_of(batch["labeled"]), labels.numpy()

    shown, labels = first()
    np.testing.assert_array_equal(shown, 255 - labels)
    shown, labels = first(labeled_view=same)
    np.testing.assert_array_equal(shown, labels)


def test_keras_layers_are_views():
    batches = data.labeled_views(
        indexed_source(), view=keras.layers.RandomFlip("vertical"), batch_size=5
    )
    for images, labels in batches:
        assert images.dtype == tf.uint8
        np.testing.assert_array_equal(index_of(images), labels)


@pytest.mark.parametrize(
    ("given", "expected"), [("int32", "int32"), ("int64", "int64")]
)
def test_label_dtype_is_preserved(given, expected):
    images, labels = indexed_source()
    batches = data.labeled_views((images, labels.astype(given)), view=same)
    assert batches.element_spec[1].dtype == expected


def test_points_have_their_own_views():
    train, _ = data.load("moons", num_examples=20)
    pairs = data.clean_noisy(
        train,
        clean=views.Identity(),
        noisy=views.Jitter(std=0.1),
        batch_size=10,
    )
    batch, labels = next(iter(pairs))
    assert batch["clean"].shape == batch["noisy"].shape == (10, 2)
    assert labels.dtype == tf.int64
    rows = {tuple(point): label for point, label in zip(*train, strict=True)}
    for point, label in zip(batch["clean"].numpy(), labels, strict=True):
        assert rows[tuple(point)] == label


def test_points_without_views_are_rejected():
    train, _ = data.load("moons", num_examples=20)
    with pytest.raises(ValueError, match=r"clean and noisy must be .*\(2,\)"):
        data.clean_noisy(train)
    with pytest.raises(ValueError, match="weak and strong must be given"):
        data.semi_supervised(train, train)
    with pytest.raises(ValueError, match="view must be given"):
        data.labeled_views(tf.data.Dataset.from_tensor_slices(tuple(train)))


IMAGES, LABELS = indexed_source()
FLOATS = np.where(np.arange(8) < 3, np.nan, 0.0) * np.ones((30, 8, 8, 3, 8))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((IMAGES, LABELS[:-1]), "30 images and 29 labels"),
        ((IMAGES, LABELS.astype("float32")), "integer.*float32"),
        ((IMAGES, np.eye(30, dtype=int)), r"1-D.*\(30, 30\)"),
        ((IMAGES, LABELS - 1), "negative.*-1"),
        ((IMAGES.astype("int64"), LABELS), "uint8.*int64"),
        ((FLOATS[..., 0], LABELS), "NaN"),
        ((IMAGES[:0], LABELS[:0]), "empty"),
        ((LABELS, LABELS), "uint8.*int64"),
        (IMAGES, "ndarray"),
        ((IMAGES,), "tuple"),
        (tf.data.Dataset.from_tensor_slices(IMAGES), "elements"),
        (
            tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(2),
            r"unbatch\(\)",
        ),
        (
            tf.data.Dataset.from_tensor_slices((IMAGES, LABELS / 2)),
            "integer.*float64",
        ),
        (
            tf.data.Dataset.from_tensor_slices((IMAGES / 1, LABELS)).take(0),
            "empty",
        ),
        (
            tf.data.Dataset.from_tensor_slices(
                (IMAGES.astype("int32"), LABELS)
            ),
            "uint8.*int32",
        ),
    ],
)
def test_invalid_sources_are_rejected(source, message):
    with pytest.raises(ValueError, match=message):
        data.labeled_views(source, view=same)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be .* got 0"),
        ({"batch_size": 2.5}, "batch_size must be .* got 2.5"),
        ({"steps": 0}, "steps must be .* got 0"),
        ({"seed": -1}, "seed must be .* got -1"),
        ({"unlabeled_ratio": 0}, "unlabeled_ratio must be .* got 0"),
    ],
)
def test_invalid_numbers_are_rejected(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.clean_noisy(indexed_source(), **arguments)
    with pytest.raises(ValueError, match=message):
        data.semi_supervised(indexed_source(), indexed_source(), **arguments)


def test_a_dataset_of_unknown_length_requires_steps():
    endless = indexed_source(kind="dataset").repeat()
    unknown = indexed_source(kind="dataset").filter(
        lambda image, label: label < 7
    )
    for source in (endless, unknown):
        with pytest.raises(ValueError, match="steps must be given"):
            data.labeled_views(source, view=same)
        batches = data.labeled_views(source, view=same, batch_size=7, steps=3)
        assert len(batches) == len(list(batches)) == 3


PROGRAM = """
import zlib
import numpy as np
from kconsist import data, views

images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
batches = data.semi_supervised(
    (images, np.arange(40)),
    images,
    strong=views.Compose([views.FlipCrop(), views.Cutout()]),
    batch_size=2,
    unlabeled_ratio=3,
    seed=5,
)
print(*[zlib.crc32(x["strong"].numpy().tobytes()) for x, _ in batches])
"""


@pytest.mark.slow
def test_another_process_gives_the_same_batches(capsys):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    exec(PROGRAM, {})
    here = capsys.readouterr().out
    assert len(here.split()) == 6
    assert here.split() == other.stdout.split()


@pytest.mark.slow
@kinds
def test_replicas_split_each_view(kind, mirrored):
    def build():
        return data.semi_supervised(
            indexed_source(10, kind),
            indexed_source(40, kind),
            weak=same,
            strong=negative,
            batch_size=4,
            unlabeled_ratio=2,
        )

    whole, split = build(), mirrored.experimental_distribute_dataset(build())
    for _ in range(2):
        for expected, parts in zip(whole, split, strict=True):
            expected = tf.nest.flatten(expected)
            for one, part in zip(expected, tf.nest.flatten(parts), strict=True):
                values = mirrored.experimental_local_results(part)
                assert len(values[0]) == len(values[1]) == len(one) // 2
                np.testing.assert_array_equal(tf.concat(values, 0), one)


def test_more_views_are_of_the_same_images_and_keep_the_others():
    images = np.zeros((20, 12, 12, 1), "uint8")
    images[..., 0] = np.arange(20)[:, None, None]
    options = dict(weak=views.Identity(), strong=views.Cutout(), steps=2)
    options.update(batch_size=2, unlabeled_ratio=3)
    source = images, np.arange(20)
    plain = data.semi_supervised(source, images, **options)
    more_views = {"third": views.Cutout(), "fourth": views.Identity()}
    batches = data.semi_supervised(
        source, images, more_views=more_views, **options
    )
    for (few, _), (many, _) in zip(plain, batches, strict=True):
        for name in few:
            np.testing.assert_array_equal(few[name], many[name])
        np.testing.assert_array_equal(many["fourth"], many["weak"])
        assert np.any(many["third"] != many["strong"])


def test_more_views_must_have_new_names():
    images = np.zeros((4, 6, 6, 1), "uint8")
    with pytest.raises(
        ValueError, match=r"names of other views, got \['weak'\]"
    ):
        data.semi_supervised(
            (images, np.arange(4)),
            images,
            more_views={"weak": views.Identity()},
        )


@pytest.mark.parametrize("start", [0, 4])
def test_the_baseline_sees_the_labeled_part_of_the_semi_supervised_batches(
    start,
):
    """So a comparison with the baseline isolates the method."""
    options = dict(batch_size=7, steps=6, seed=3, start_step=start)
    baseline = data.labeled_views(indexed_source(11), view=noise, **options)
    batches = data.semi_supervised(
        indexed_source(11),
        indexed_source(40),
        weak=noise,
        strong=same,
        **options,
    )
    for (images, labels), (batch, other_labels) in zip(
        baseline, batches, strict=True
    ):
        np.testing.assert_array_equal(images, batch["labeled"])
        np.testing.assert_array_equal(labels, other_labels)
