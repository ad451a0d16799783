import keras
import numpy as np
import pytest
import tensorflow as tf
from replicas import run_on_replicas

from kconsist.layers import DistributionAlignment


def test_the_moving_average_equals_the_loop(rng):
    alignment = DistributionAlignment(3, decay=0.9)
    running = np.full(3, 1 / 3)
    for _ in range(5):
        p = rng.dirichlet(np.ones(3), 8).astype("float32")
        alignment.update(p)
        running = 0.9 * running + 0.1 * p.mean(0)
        np.testing.assert_allclose(alignment.running, running, rtol=1e-5)


def test_changes_nothing_where_predictions_are_as_expected(rng):
    p = rng.dirichlet(np.ones(3), 8).astype("float32")
    np.testing.assert_allclose(
        DistributionAlignment(3)(p), p, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("expected", [None, [0.2, 0.3, 0.5]])
def test_multiplies_by_expected_over_running(expected, rng):
    alignment = DistributionAlignment(3, decay=0.5, expected=expected)
    p = rng.dirichlet([5.0, 1.0, 1.0], 8).astype("float32")
    alignment.update(p)
    weight = np.array(expected or [1 / 3] * 3) / np.array(alignment.running)
    rows = [row * weight / (row * weight).sum() for row in p]
    np.testing.assert_allclose(alignment(p), rows, rtol=1e-5)


def test_a_class_never_predicted_does_not_divide_by_0():
    alignment = DistributionAlignment(2, decay=0.0)
    alignment.update(np.array([[1.0, 0.0]]))
    found = alignment(np.array([[0.5, 0.5], [1.0, 0.0]]))
    np.testing.assert_allclose(np.sum(found, axis=-1), [1.0, 1.0], rtol=1e-5)


def test_no_gradient_flows_through(rng):
    p = tf.Variable(rng.dirichlet(np.ones(3), 4).astype("float32"))
    alignment = DistributionAlignment(3)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(alignment(p) ** 2)
        alignment.update(p)
        value += tf.reduce_sum(alignment.running**2)
    assert tape.gradient(value, p) is None


@pytest.mark.parametrize("jit_compile", [True, False])
def test_is_float32_in_a_traced_step_under_mixed_precision(jit_compile, rng):
    keras.config.set_dtype_policy("mixed_float16")
    traced, eager = (DistributionAlignment(3, decay=0.9) for _ in range(2))
    p = rng.dirichlet(np.ones(3), 4).astype("float32")

    @tf.function(jit_compile=jit_compile)
    def step(p):
        traced.update(p)
        return traced(p)

    found = step(tf.constant(p))
    eager.update(p)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, eager(p), rtol=1e-5)
    np.testing.assert_allclose(traced.running, eager.running, rtol=1e-5)


def test_the_mean_is_over_all_replicas(mirrored, rng):
    p = rng.dirichlet(np.ones(3), 4).astype("float32")
    with mirrored.scope():
        both = DistributionAlignment(3, decay=0.0)

    run_on_replicas(mirrored, both.update, p)
    for copy in mirrored.experimental_local_results(both.running.value):
        np.testing.assert_allclose(copy, p.mean(0), rtol=1e-5)


def test_is_restored_from_its_configuration():
    alignment = DistributionAlignment(2, expected=np.array([0.25, 0.75]))
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(alignment)
    )
    assert copy.get_config() == alignment.get_config()
    assert copy.expected == [0.25, 0.75]


@pytest.mark.parametrize(
    "expected, words",
    [
        ([0.5, 0.5], "3 positive numbers"),
        ([0.5, 0.5, 0.0], "3 positive numbers"),
        ([0.5, 0.5, 0.5], "must sum to 1, got 1.5"),
        ([0.25, 0.25, 0.51], "must sum to 1, got 1.01"),
    ],
)
def test_rejects_a_wrong_distribution(expected, words):
    with pytest.raises(ValueError, match=words):
        DistributionAlignment(3, expected=expected)


def test_default_decay_is_0_999():
    assert DistributionAlignment(2).decay == 0.999
