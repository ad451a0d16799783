import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from replicas import run_on_replicas

from kconsist.layers import ClassQueues

CLASSES, LENGTH, FEATURES = 3, 4, 2


def make(**options):
    return ClassQueues(CLASSES, LENGTH, FEATURES, seed=1, **options)


def deques(queues):
    """Returns a Python deque per class, the oldest feature first."""
    result = []
    for queue, pointer in zip(
        np.array(queues.queues), np.array(queues.pointers), strict=True
    ):
        rows = np.roll(queue, -pointer, axis=0)
        result.append(collections.deque(map(tuple, rows), maxlen=LENGTH))
    return result


def batch(rng, size):
    features = rng.normal(size=(size, FEATURES)).astype("float32")
    return features, rng.integers(CLASSES, size=size), rng.random(size) < 0.7


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_equals_a_deque_for_each_class(jit_compile, rng):
    queues = make()
    expected = deques(queues)
    enqueue = queues.enqueue
    if jit_compile is not None:
        enqueue = tf.function(enqueue, jit_compile=jit_compile)
    # In the largest batches, some class has more examples than its queue holds.
    for size in (1, 3, 5, 5, 20, 20):
        features, labels, mask = batch(rng, size)
        enqueue(*map(tf.constant, (features, labels, mask)))
        for row, label, keep in zip(features, labels, mask, strict=True):
            if keep:
                expected[label].append(tuple(row))
        assert deques(queues) == expected


def test_is_initialized_with_random_unit_vectors():
    queues = np.array(make().queues)
    assert queues.shape == (CLASSES, LENGTH, FEATURES)
    np.testing.assert_allclose(np.linalg.norm(queues, axis=-1), 1, rtol=1e-5)
    assert len(np.unique(queues)) == queues.size
    np.testing.assert_array_equal(make().queues, queues)


def test_returns_the_queue_of_each_examples_class(rng):
    queues = make()
    queues.enqueue(*batch(rng, 9))
    labels = np.array([2, 0, 2, 1])
    np.testing.assert_array_equal(
        queues(labels), np.array(queues.queues)[labels]
    )


def test_pointers_wrap_around():
    queues = make()
    queues.enqueue(np.ones((6, FEATURES)), np.array([0] * 5 + [2]))
    np.testing.assert_array_equal(queues.pointers, [5 % LENGTH, 0, 1])


def test_no_gradient_flows_into_stored_keys(rng):
    queues, keys = make(), tf.Variable(rng.normal(size=(2, FEATURES)))
    labels = np.array([0, 1])
    with tf.GradientTape() as tape:
        queues.enqueue(keys, labels)
        value = tf.reduce_sum(queues(labels) ** 2)
    assert tape.gradient(value, keys) is None


def test_is_float32_and_saved_under_mixed_precision(tmp_path, rng):
    keras.config.set_dtype_policy("mixed_float16")

    def model_with_queues():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        model.queues = make()
        return model

    model, other = model_with_queues(), model_with_queues()
    model.queues.enqueue(*batch(rng, 9))
    assert model.queues(np.array([0])).dtype == "float32"
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.queues.queues, model.queues.queues)
    np.testing.assert_array_equal(other.queues.pointers, model.queues.pointers)


def test_is_restored_from_its_configuration():
    queues = make()
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(queues)
    )
    assert copy.get_config() == queues.get_config()


def test_all_replicas_store_the_global_batch(mirrored, rng):
    features, labels, mask = batch(rng, 8)
    one = make()
    one.enqueue(features, labels, mask)
    with mirrored.scope():
        both = make()

    run_on_replicas(mirrored, both.enqueue, features, labels, mask)
    for copy in mirrored.experimental_local_results(both.queues.value):
        np.testing.assert_array_equal(copy, one.queues)
    for copy in mirrored.experimental_local_results(both.pointers.value):
        np.testing.assert_array_equal(copy, one.pointers)


@pytest.mark.parametrize("name", ["num_classes", "length", "features"])
def test_errors_name_the_wrong_size(name):
    sizes = dict(num_classes=2, length=2, features=2)
    with pytest.raises(ValueError, match=f"{name} must be"):
        ClassQueues(**{**sizes, name: 0})
