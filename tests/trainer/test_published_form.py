"""The published example's pipeline: two data sets of pairs, zipped."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import CLASSES, FEATURES, compiled, network, weights

import kconsist

POINTS = np.random.default_rng(3).normal(size=(64, FEATURES))
LABELS = np.random.default_rng(4).integers(0, CLASSES, 64)


def pipeline(noise=0.0, reshuffle=True):
    """One of the two branches: shuffle with a seed, then batch."""
    dataset = tf.data.Dataset.from_tensor_slices(
        (POINTS.astype("float32"), LABELS)
    )
    dataset = dataset.shuffle(64, seed=42, reshuffle_each_iteration=reshuffle)
    return dataset.map(lambda x, y: (x + noise, y)).batch(16)


def trainer():
    return compiled(kconsist.SelfTrainer(network(), network(seed=7)))


def test_zipped_pairs_train_as_named_views_do():
    zipped = tf.data.Dataset.zip((pipeline(), pipeline(noise=0.1)))
    named = tf.data.Dataset.zip((pipeline(), pipeline(noise=0.1))).map(
        lambda clean, noisy: (
            {"clean": clean[0], "noisy": noisy[0]},
            clean[1],
        )
    )
    first, second = trainer(), trainer()
    first.fit(zipped, epochs=2, verbose=0)
    second.fit(named, epochs=2, verbose=0)
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_zipped_pairs_train_under_a_strategy(mirrored):
    # Keras reads a batch to build under a strategy: one order for all reads.
    zipped = tf.data.Dataset.zip(
        (pipeline(reshuffle=False), pipeline(0.1, reshuffle=False))
    )
    single = trainer()
    single.fit(zipped, verbose=0)
    with mirrored.scope():
        both = trainer()
    both.fit(zipped, verbose=0)
    for a, b in zip(weights(single), weights(both), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)


def drifted():
    """The published example: one branch has been read before the zip is."""
    clean, noisy = pipeline(), pipeline(noise=0.1)
    for _ in clean:
        pass
    return tf.data.Dataset.zip((clean, noisy))


def test_drifted_pairs_raise():
    with pytest.raises(ValueError, match="same images in the same order"):
        trainer().fit(drifted(), verbose=0)


def test_drifted_pairs_raise_under_xla():
    self_trainer = kconsist.SelfTrainer(network(), network(seed=7))
    with pytest.raises(ValueError, match="same images in the same order"):
        compiled(self_trainer, jit_compile=True).fit(drifted(), verbose=0)


def test_drifted_pairs_raise_under_a_strategy(mirrored):
    with mirrored.scope():
        both = trainer()
    with pytest.raises(ValueError, match="same images in the same order"):
        both.fit(drifted(), verbose=0)


@pytest.mark.slow
def test_teacher_of_the_example_still_trains_first():
    clean, noisy = pipeline(), pipeline(noise=0.1)
    teacher = compiled(network(seed=7))
    teacher.fit(clean.take(4), verbose=0)
    student = compiled(kconsist.SelfTrainer(network(), teacher))
    fresh = tf.data.Dataset.zip((pipeline(), noisy))
    history = student.fit(fresh, verbose=0, validation_data=pipeline())
    assert {"val_loss", "val_accuracy"} <= set(history.history)
    assert isinstance(student.predict(POINTS, verbose=0), np.ndarray)
    assert isinstance(student, keras.Model)
