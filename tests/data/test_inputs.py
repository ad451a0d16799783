"""Common forms of sources: columns of labels, float64, large arrays."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from kconsist import data, views

INDEX = np.arange(12)
POINTS = np.stack([INDEX, INDEX], axis=1) / 8


def build(name, points, labels, **options):
    """Returns batches of 4 labels from one of the pipelines."""
    view = views.Identity()
    if name == "labeled_views":
        return data.labeled_views(
            (points, labels), view=view, batch_size=4, **options
        )
    if name == "clean_noisy":
        return data.clean_noisy(
            (points, labels),
            clean=view,
            noisy=views.Jitter(radius=0.1),
            batch_size=4,
            unlabeled=(points, labels),
        )
    if name == "semi_supervised":
        return data.semi_supervised(
            (points, labels),
            (points, labels),
            weak=view,
            strong=view,
            batch_size=4,
        )
    return data.class_balanced(
        (points, labels), view=view, classes_per_batch=2, images_per_class=2
    )


BUILDERS = ["labeled_views", "clean_noisy", "semi_supervised", "class_balanced"]


@pytest.mark.parametrize("name", BUILDERS)
def test_a_column_of_labels_is_accepted(name):
    row = next(iter(build(name, POINTS, INDEX % 3)))
    column = next(iter(build(name, POINTS, (INDEX % 3)[:, None])))
    for expected, found in zip(
        tf.nest.flatten(row), tf.nest.flatten(column), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert column[1].shape == (4,)
    labeled, _ = data.split_labels((INDEX % 3)[:, None], per_class=1)
    assert len(labeled) == 3


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_a_dataset_may_have_labels_of_shape_1_and_float64_images(dtype):
    labels = INDEX.astype(dtype)
    arrays = data.labeled_views(
        (POINTS, labels), view=views.Identity(), batch_size=4, shuffle=False
    )
    dataset = data.labeled_views(
        tf.data.Dataset.from_tensor_slices((POINTS, labels[:, None])),
        view=views.Identity(),
        batch_size=4,
        shuffle=False,
    )
    assert dataset.element_spec == arrays.element_spec
    assert dataset.element_spec[0].dtype == tf.float32
    for one, other in zip(arrays, dataset, strict=True):
        for expected, found in zip(one, other, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", BUILDERS)
def test_large_labels_are_returned_or_rejected(name):
    labels = 2**32 + INDEX % 2
    found = next(iter(build(name, POINTS, labels)))[1]
    assert set(np.array(found)) <= {2**32, 2**32 + 1}
    with pytest.raises(ValueError, match="below 2.*, got 92233720"):
        build(name, POINTS, labels.astype("uint64") + 2**63)


MEMORY = """
import resource
import numpy as np
from kconsist import data, views

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def read(images):
    labels = np.arange(len(images)) % 10
    same = dict(strong=views.Identity(), weak=views.Identity())
    same.update(batch_size=2, unlabeled_ratio=1)
    next(iter(data.semi_supervised((images, labels), images, **same)))
    labels[0] = 350_000_000
    batches = data.class_balanced(
        (images, labels), view=views.Identity(), classes_per_batch=2
    )
    next(iter(batches))

read(np.zeros((64, 8, 8, 3), "float64"))
before = peak()
images = np.ones((128, 256, 256, 2), "float64")
read(images)
print((peak() - before) / images.nbytes)
"""


@pytest.mark.slow
def test_arrays_are_not_copied():
    """The peak of three streams over 128 MiB, batches included."""
    found = subprocess.run(
        [sys.executable, "-c", MEMORY],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(found.stdout) < 1.5
