import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from replicas import run_on_replicas

from kconsist.layers.dynamic_thresholding import MAPPINGS, DynamicThresholding

TAU, CLASSES, EXAMPLES = 0.95, 3, 12


def make(warmup=False, mapping="convex", examples=EXAMPLES):
    return DynamicThresholding(TAU, warmup, mapping, CLASSES, examples)


def assign(thresholding, *labels):
    """Assigns the first examples to these classes; returns the layer."""
    index = np.arange(len(labels))
    thresholding.update(index, np.ones(len(labels)), np.array(labels))
    return thresholding


def loop(history, warmup, mapping, label):
    """Returns the threshold of a class from a dict of index to class."""
    mappings = {
        "linear": lambda x: x,
        "convex": lambda x: x / (2 - x),
        "concave": lambda x: math.log(1 + x) / math.log(2),
    }
    counts = [0] * CLASSES
    for chosen in history.values():
        counts[chosen] += 1
    largest = max(counts)
    if warmup:
        largest = max(largest, EXAMPLES - len(history))
    status = counts[label] / largest if largest else 0.0
    return TAU * mappings[mapping](status)


@pytest.mark.parametrize("warmup", [True, False])
@pytest.mark.parametrize("mapping", MAPPINGS)
def test_equals_the_loops(mapping, warmup, rng):
    thresholding, history = make(warmup, mapping), {}
    for _ in range(6):
        index = rng.integers(EXAMPLES, size=5)  # With duplicates.
        mask, labels = rng.random(5) < 0.7, rng.integers(CLASSES, size=5)
        expected = [loop(history, warmup, mapping, c) for c in labels]
        found = thresholding.get_threshold(labels)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
        thresholding.update(index, mask, labels)
        for i, keep, label in zip(index, mask, labels, strict=True):
            if keep:
                history[i] = label
    memory = [history.get(i, -1) for i in range(EXAMPLES)]
    np.testing.assert_array_equal(thresholding.selected, memory)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_thresholds_run_from_0_to_tau(mapping):
    thresholding = make(mapping=mapping)
    np.testing.assert_array_equal(thresholding(np.arange(3)), np.zeros(3))
    assign(thresholding, 0, 0, 1, 1, 2, 2)
    np.testing.assert_allclose(thresholding(np.arange(3)), [TAU] * 3, 1e-6)


def test_half_the_examples_give_a_third_of_tau_under_the_convex_map():
    thresholding = assign(make(), 0, 0, 1)
    np.testing.assert_allclose(
        thresholding.class_thresholds(), [TAU, TAU / 3, 0.0], rtol=1e-6
    )


def test_thresholds_rise_with_the_number_of_assigned_examples():
    found = [
        float(assign(make(), *[0] * 6, *[1] * n).class_thresholds()[1])
        for n in range(7)
    ]
    assert np.all(np.diff(found) > 0)


def test_warmup_compares_with_the_unassigned_examples():
    thresholding = assign(make(warmup=True, mapping="linear"), 0, 0, 0)
    found = thresholding.class_thresholds()
    np.testing.assert_allclose(found, [TAU * 3 / 9, 0, 0], rtol=1e-6)


@pytest.mark.parametrize("warmup", [True, False])
def test_a_class_with_all_examples_has_threshold_tau(warmup):
    thresholding = assign(make(warmup, examples=4), 1, 1, 1, 1)
    found = thresholding.class_thresholds()
    np.testing.assert_allclose(found, [0, TAU, 0], rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_updates_inside_a_traced_step(jit_compile, rng):
    eager, traced = make(), make()

    @tf.function(jit_compile=jit_compile)
    def step(index, mask, labels):
        found = traced.get_threshold(labels)
        traced.update(index, mask, labels)
        return found

    for _ in range(3):
        index, labels = rng.integers(EXAMPLES, size=6), rng.integers(3, size=6)
        mask = rng.random(6) < 0.8
        expected = eager.get_threshold(labels)
        eager.update(index, mask, labels)
        found = step(*map(tf.constant, (index, mask, labels)))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(traced.selected, eager.selected)
    assert np.max(eager.selected) >= 0


def test_the_last_entry_of_a_repeated_index_counts():
    thresholding = make()
    index, labels = np.array([7, 7, 7]), np.array([0, 2, 1])
    thresholding.update(index, np.array([1, 1, 0]), labels)
    assert int(thresholding.selected[7]) == 2


def model_with(thresholding):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    model.thresholding = thresholding
    return model


def test_is_saved_with_the_model_that_contains_it(tmp_path):
    model = model_with(assign(make(), 0, 0, 1))
    model.save_weights(tmp_path / "model.weights.h5")
    other = model_with(make())
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(
        other.thresholding.selected, model.thresholding.selected
    )
    assert not any(
        w is model.thresholding.selected for w in model.trainable_weights
    )


def test_is_restored_from_its_configuration():
    thresholding = make(warmup=True)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(thresholding)
    )
    assert copy.get_config() == thresholding.get_config()


def test_all_replicas_store_the_global_batch(mirrored, rng):
    index, labels = rng.permutation(EXAMPLES)[:8], rng.integers(3, size=8)
    mask = rng.random(8) < 0.8
    one = make()
    one.update(index, mask, labels)
    with mirrored.scope():
        both = make()

    run_on_replicas(mirrored, both.update, index, mask, labels)
    for copy in mirrored.experimental_local_results(both.selected.value):
        np.testing.assert_array_equal(copy, one.selected)


@pytest.mark.parametrize(
    "wrong, word",
    [
        (dict(threshold=95), "threshold"),
        (dict(mapping="nonlinear"), "mapping"),
        (dict(warmup="False"), "warmup"),
        (dict(num_classes=1), "num_classes"),
        (dict(num_examples=0), "num_examples"),
    ],
)
def test_errors_name_the_wrong_argument(wrong, word):
    right = dict(
        threshold=TAU,
        warmup=False,
        mapping="convex",
        num_classes=3,
        num_examples=9,
    )
    with pytest.raises(ValueError, match=f"{word} must be"):
        DynamicThresholding(**{**right, **wrong})
