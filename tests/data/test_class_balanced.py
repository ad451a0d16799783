"""Batches of P classes with K images each."""

import numpy as np
import pytest
import tensorflow as tf

from kconsist import data, views

COUNT = 60
LABELS = np.random.default_rng(0).integers(0, 6, COUNT)
LABELS[LABELS == 2] = 3  # Class 2 has no image.


def source(labels=LABELS):
    """Returns images with their index in the first pixel."""
    images = np.zeros((COUNT, 6, 6, 1), "uint8")
    images[:, 0, 0, 0] = np.arange(COUNT)
    return images, labels


def build(labels=LABELS, view=None, **options):
    options = {"classes_per_batch": 3, "images_per_class": 4, **options}
    view = view or views.Identity()
    return data.class_balanced(source(labels), view=view, **options)


def read(batches):
    """Returns the indices and labels of each batch."""
    return [
        (batch["first"].numpy()[:, 0, 0, 0].astype(int), labels.numpy())
        for batch, labels in batches
    ]


def test_a_batch_has_p_classes_with_k_images_each():
    found = read(build(steps=20))
    for indices, labels in found:
        np.testing.assert_array_equal(labels, LABELS[indices])
        groups = labels.reshape(3, 4)
        assert np.all(groups == groups[:, :1])
        assert len(set(groups[:, 0])) == 3
        assert len(set(indices)) == 12  # No image repeats: there are enough.
    all_labels = np.concatenate([labels for _, labels in found])
    assert set(all_labels) == set(LABELS)
    images = np.concatenate([indices for indices, _ in found])
    assert len(set(images)) > 50


def test_images_and_classes_repeat_if_there_are_too_few():
    labels = np.zeros(COUNT, "int64")
    labels[7] = labels[9] = 4
    ((indices, found),) = read(build(labels, steps=1))
    groups = found.reshape(3, 4)
    assert set(groups[:, 0]) == {0, 4}
    few = indices.reshape(3, 4)[groups[:, 0] == 4][0]
    assert sorted(few) == [7, 7, 9, 9]


def test_both_views_are_of_the_same_images_with_different_seeds():
    points = np.repeat(np.arange(COUNT, dtype="float32"), 2).reshape(-1, 2)
    batches = data.class_balanced(
        (points, LABELS), view=views.Jitter(radius=0.1), steps=2
    )
    for batch, labels in batches:
        first, second = np.array(batch["first"]), np.array(batch["second"])
        np.testing.assert_array_equal(first.round(), second.round())
        assert np.all(first != second)
        np.testing.assert_array_equal(
            labels, LABELS[first[:, 0].round().astype(int)]
        )


def test_batches_depend_only_on_the_seed_and_the_step():
    batches = build(steps=4)
    uninterrupted = read(batches) + read(batches)
    resumed = read(build(steps=3, start_step=5))
    for (a, _), (b, _) in zip(uninterrupted[5:], resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.any(uninterrupted[0][0] != uninterrupted[1][0])
    assert np.any(uninterrupted[0][0] != read(build(steps=1, seed=1))[0][0])


def test_an_epoch_has_as_many_batches_as_the_images_fill():
    assert len(build()) == COUNT // 12
    assert build().element_spec[1].shape == (12,)


def test_labels_in_a_variable_are_read_at_each_epoch():
    with tf.device("CPU:0"):
        labels = tf.Variable(LABELS)
    batches = build(labels, steps=3)
    first = read(batches)
    labels.assign(LABELS[::-1])
    second = read(batches)
    for indices, found in first:
        np.testing.assert_array_equal(found, LABELS[indices])
    for indices, found in second:
        np.testing.assert_array_equal(found, LABELS[::-1][indices])


@pytest.mark.parametrize(
    "given, options, message",
    [
        (
            tf.data.Dataset.from_tensor_slices(source()),
            {},
            "must be .* arrays, got a tf.data.Dataset",
        ),
        ((np.zeros((3, 6, 6, 1), "uint8"), [0, 1]), {}, "3 images and 2"),
        (source(), {"classes_per_batch": 0}, "classes_per_batch must be"),
        (source(), {"images_per_class": 1.5}, "images_per_class must be"),
        ((np.zeros((3, 2)), [0, 1, 1]), {}, "view must be given"),
    ],
)
def test_invalid_arguments_are_rejected(given, options, message):
    with pytest.raises(ValueError, match=message):
        data.class_balanced(given, **options)
