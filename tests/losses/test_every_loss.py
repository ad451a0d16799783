"""Tests of every loss: where its gradient flows, and its value."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from loss_cases import CASES
from replicas import run_on_replicas

from kconsist import losses

EVERY_LOSS = pytest.mark.parametrize("name", CASES)


def gradients(loss, inputs):
    """Returns the value and the gradient of each float input."""
    variables = [tf.convert_to_tensor(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch([v for v in variables if v.dtype.is_floating])
        value = loss(*variables)
    return value, tape.gradient(value, variables, unconnected_gradients="zero")


def finite_differences(oracle, inputs, position, step=1e-5):
    """Returns central differences of an oracle in one input, in float64."""
    inputs = [
        np.array(x, "float64" if x.dtype.kind == "f" else x.dtype)
        for x in inputs
    ]
    found = np.zeros_like(inputs[position])
    for index in np.ndindex(found.shape):
        values = []
        for sign in (1, -1):
            live = [np.copy(x) for x in inputs]
            live[position][index] += sign * step
            values.append(oracle(live, inputs))
        found[index] = (values[0] - values[1]) / (2 * step)
    return found


@EVERY_LOSS
def test_gradient_flows_where_the_paper_says(name, rng):
    case = CASES[name]
    inputs = case.inputs(rng)
    _, found = gradients(case.loss, inputs)
    for position, gradient in enumerate(found):
        if not gradient.dtype.is_floating:
            continue
        if position in case.gradient_inputs:
            expected = finite_differences(case.oracle, inputs, position)
            assert np.abs(expected).max() > 1e-3
            np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=2e-6)
        else:
            np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


@EVERY_LOSS
def test_equals_the_loops(name, rng):
    case = CASES[name]
    inputs = case.inputs(rng)
    expected = case.oracle(inputs, inputs)
    np.testing.assert_allclose(case.loss(*inputs), expected, rtol=1e-5)


@EVERY_LOSS
def test_returns_one_value_per_example(name, rng):
    case = CASES[name]
    config = {**case.loss.get_config(), "reduction": None}
    each = type(case.loss).from_config(config)(*case.inputs(rng))
    inputs = case.inputs(np.random.default_rng(0))
    assert each.shape == (len(inputs[-1]),)
    np.testing.assert_allclose(np.mean(each), case.loss(*inputs), rtol=1e-5)


@EVERY_LOSS
def test_is_the_same_compiled_by_xla(name, rng):
    case = CASES[name]
    inputs = case.inputs(rng)
    step = tf.function(lambda *x: gradients(case.loss, x), jit_compile=True)
    expected_value, expected = gradients(case.loss, inputs)
    value, found = step(*map(tf.convert_to_tensor, inputs))
    np.testing.assert_allclose(value, expected_value, rtol=1e-5)
    for position in case.gradient_inputs:
        np.testing.assert_allclose(
            found[position], expected[position], rtol=1e-4, atol=1e-6
        )


@EVERY_LOSS
def test_computes_float16_inputs_in_float32(name, rng):
    case = CASES[name]
    keras.config.set_dtype_policy("mixed_float16")
    halves = [
        x.astype("float16") if x.dtype.kind == "f" else x
        for x in case.inputs(rng)
    ]
    rounded = [
        x.astype("float32") if x.dtype.kind == "f" else x for x in halves
    ]
    value, found = gradients(case.loss, halves)
    assert value.dtype == "float32"
    np.testing.assert_allclose(value, case.loss(*rounded), rtol=1e-6)
    assert all(np.all(np.isfinite(found[i])) for i in case.gradient_inputs)


@EVERY_LOSS
def test_is_finite_for_saturated_logits(name, rng):
    """Probabilities are exactly 0 and 1, where a logarithm is infinite."""
    case = CASES[name]
    inputs = case.inputs(rng)
    if all(x.min() >= 0 for x in inputs):  # Probabilities.
        inputs = [np.eye(4, dtype="float32")[x.argmax(-1)] for x in inputs]
    else:
        inputs = [1000 * x if x.dtype.kind == "f" else x for x in inputs]
    value, found = gradients(case.loss, inputs)
    assert np.isfinite(value)
    for gradient in found:
        assert np.all(np.isfinite(gradient))


@EVERY_LOSS
def test_is_restored_from_its_configuration(name, rng):
    case = CASES[name]
    inputs = case.inputs(rng)
    saved = keras.saving.serialize_keras_object(case.loss)
    copy = keras.saving.deserialize_keras_object(saved)
    assert saved["registered_name"].startswith("kconsist>")
    assert copy.get_config() == case.loss.get_config()
    assert float(copy(*inputs)) == float(case.loss(*inputs))


@EVERY_LOSS
def test_does_not_depend_on_the_number_of_replicas(name, rng, mirrored):
    case = CASES[name]
    inputs = case.inputs(rng)
    expected_value, expected = gradients(case.loss, inputs)

    value, found = run_on_replicas(
        mirrored, lambda *x: gradients(case.loss, x), *inputs
    )
    values = mirrored.experimental_local_results(value)
    np.testing.assert_allclose(sum(values), expected_value, rtol=1e-5)
    for position in case.gradient_inputs:
        gradient = np.concatenate(
            mirrored.experimental_local_results(found[position])
        )
        np.testing.assert_allclose(
            gradient, expected[position], rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize(
    "loss, expected",
    [
        (losses.ConfidenceBasedSelfTrainingLoss(0.5), {"inclusive": False}),
        (
            losses.LogitsKLDivergence(),
            {"temperature": 1.0, "temperature_squared": False},
        ),
        # Inception, section 7.
        (losses.SmoothedCrossEntropy(), {"label_smoothing": 0.1}),
        (
            losses.SoftTripletLoss(),
            {"margin": None, "normalize_feature": False},
        ),
        # TLL's UDA.
        (
            losses.StrongWeakConsistencyLoss(),
            {
                "threshold": 0.7,
                "temperature": 0.85,
                "sharpen": "strong",
                "mean_over": "kept",
                "inclusive": False,
            },
        ),
    ],
)
def test_defaults_are_those_of_the_source(loss, expected):
    config = loss.get_config()
    assert {name: config[name] for name in expected} == expected
