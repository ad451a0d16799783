import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.layers import GradientReversal, reverse_gradient
from kconsist.schedules import WarmStart


def gradient_through(layer, inputs, **options):
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, **options)
        value = tf.reduce_sum(tf.cast(outputs, "float32") ** 2)
    return outputs, tape.gradient(value, inputs)


@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("jit_compile", [True, False])
def test_passes_values_and_reverses_gradients(strength, jit_compile, rng):
    inputs = rng.normal(size=(4, 3)).astype("float32")
    layer = GradientReversal(strength)
    step = tf.function(
        lambda x: gradient_through(layer, x), jit_compile=jit_compile
    )
    outputs, gradient = step(tf.constant(inputs))
    np.testing.assert_array_equal(outputs, inputs)
    np.testing.assert_allclose(gradient, -strength * 2 * inputs, rtol=1e-6)


def test_a_head_minimizes_what_its_features_maximize(rng):
    inputs = keras.Input((3,))
    features = keras.layers.Dense(2, name="features")(inputs)
    outputs = keras.layers.Dense(1, name="head")(GradientReversal()(features))
    reversed_model = keras.Model(inputs, outputs)
    plain = keras.Model(inputs, reversed_model.get_layer("head")(features))
    x, found = rng.normal(size=(4, 3)), []
    for model in (reversed_model, plain):
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(model(x) ** 2)
        kernels = [
            reversed_model.get_layer(n).kernel.value
            for n in ("features", "head")
        ]
        found.append(tape.gradient(value, kernels))
    np.testing.assert_allclose(found[0][0], -found[1][0], rtol=1e-6)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)
    assert np.abs(found[0][0]).max() > 1e-3


def test_a_schedule_is_evaluated_at_iterations():
    layer = GradientReversal(WarmStart(0.1, steps=1000))
    _, gradient = gradient_through(layer, [1.0], training=True)
    np.testing.assert_array_equal(gradient, [0.0])
    layer.iterations.assign(999)
    layer.step()
    _, gradient = gradient_through(layer, [1.0], training=True)
    np.testing.assert_allclose(gradient, [-2 * 0.0462], rtol=1e-3)


@pytest.mark.parametrize(
    "auto_step, training, expected",
    [(True, True, 1), (True, False, 0), (False, True, 0)],
)
def test_auto_step_counts_calls_in_training(auto_step, training, expected):
    layer = GradientReversal(auto_step=auto_step)
    layer(np.zeros((1, 2)), training=training)
    assert int(layer.iterations) == expected


def test_keeps_the_dtype_of_half_precision(rng):
    inputs = rng.normal(size=(4, 3)).astype("float16")
    outputs, gradient = gradient_through(
        lambda x: reverse_gradient(x, 0.5), inputs
    )
    assert outputs.dtype == gradient.dtype == "float16"
    np.testing.assert_allclose(gradient, -inputs, rtol=1e-3)


def test_is_saved_with_its_schedule_and_iterations(tmp_path):
    inputs = keras.Input((3,))
    layer = GradientReversal(WarmStart(0.1, steps=10), auto_step=True)
    model = keras.Model(inputs, layer(inputs))
    layer.iterations.assign(7)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    assert int(copy.iterations) == 7 and copy.auto_step
    assert copy.strength.get_config() == layer.strength.get_config()


def test_rejects_a_negative_strength():
    with pytest.raises(ValueError, match="strength must be a number of 0"):
        GradientReversal(-1.0)
