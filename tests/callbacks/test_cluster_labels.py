"""Batches have the cluster labels of their epoch, even if read ahead.

The clusters themselves are tested in `test_mutual_mean_teaching.py`.
"""

import threading

import numpy as np
import pytest
import tensorflow as tf
from methods import CLASSES, FEATURES, METHODS, compiled, network

from kconsist import data, views
from kconsist.callbacks import ClusterLabels, Resume

STEPS, EPOCHS = 2, 3
POINTS = np.random.default_rng(0).normal(size=(24, FEATURES)).astype("float32")


class Killed(Exception):
    pass


def train(folder=None, kill=None):
    """Returns a trainer, and each batch's labels: expected, found."""
    trainer = compiled(
        METHODS["mutual_mean_teaching"].make(network()), run_eagerly=True
    )
    clusters = ClusterLabels(POINTS)
    update, seen = trainer.update, []

    def spy(batch, labels, sample_weight=None):
        distance = np.array(batch["first"])[:, None] - POINTS[None]
        index = np.abs(distance).sum(-1).argmin(-1)
        seen.append((clusters.labels.numpy()[index], labels.numpy()))
        if len(seen) == kill:
            raise Killed
        return update(batch, labels, sample_weight)

    trainer.update = spy
    callbacks, options = [clusters], {}
    if folder is not None:
        resume = Resume(folder, callbacks=[clusters], every=1)
        callbacks.append(resume)
        options["initial_epoch"] = resume.initial_epoch
    batches = data.class_balanced(
        (POINTS, clusters.labels),
        view=views.Identity(),
        classes_per_batch=CLASSES,
        images_per_class=4,
        steps=STEPS,
        start_step=resume.step if folder else 0,
    )
    trainer.fit(
        batches.repeat(),
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        callbacks=callbacks,
        verbose=0,
        **options,
    )
    return trainer, seen


@pytest.fixture(scope="module")
def uninterrupted():
    return train()


def test_repeated_batches_have_the_labels_of_their_epoch(uninterrupted):
    _, seen = uninterrupted
    assert len(seen) == STEPS * EPOCHS
    for expected, found in seen:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_a_run_resumes_within_an_epoch_of_clusters(uninterrupted, tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, kill=4)
    resumed, seen = train(tmp_path)
    assert len(seen) == 3
    for expected, found in seen:
        np.testing.assert_array_equal(found, expected)
    for a, b in zip(uninterrupted[0].weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_pipeline_waits_for_labels_and_can_end_while_waiting():
    clusters = ClusterLabels(POINTS)
    batches = data.class_balanced(
        (POINTS, clusters.labels),
        view=views.Identity(),
        classes_per_batch=2,
        images_per_class=2,
        steps=3,
    )
    labels = clusters.labels
    labels.gate.close()
    labels.assign(np.arange(24) % 2)
    labels.gate.allow(2)  # Fewer than an epoch of the dataset.
    iterator = iter(batches.repeat().prefetch(4))
    found = [set(next(iterator)[1].numpy()) for _ in range(2)]
    written = threading.Event()

    def write():
        labels.assign(5 + np.arange(24) % 2)
        written.set()
        labels.gate.allow(2)

    threading.Timer(0.2, write).start()
    found += [set(next(iterator)[1].numpy()) for _ in range(2)]
    assert written.is_set() and found == [{0, 1}, {0, 1}, {5, 6}, {5, 6}]
    del iterator  # It is waiting for a fifth batch.
    # The limit counts the batches of each iterator.
    assert len(list(batches)) == 3
    labels.gate.open()
    assert len(list(batches.repeat(4))) == 12


def test_class_indices_may_exceed_32_bits():
    with tf.device("CPU:0"):
        labels = tf.Variable(2**32 + np.arange(24) % 3)
    batches = data.class_balanced(
        (POINTS, labels),
        view=views.Identity(),
        classes_per_batch=3,
        images_per_class=2,
    )
    _, found = next(iter(batches))
    np.testing.assert_array_equal(np.unique(found), 2**32 + np.arange(3))
