"""Equal computations have equal digests, regardless of names."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.robustness._function_digest import function_digest


def digest_of(call):
    function = tf.function(
        call,
        input_signature=[tf.TensorSpec((4, 3), tf.float32)],
        autograph=False,
    )
    return function_digest(function.get_concrete_function())


def loop(factor):
    """A graph with functions as attributes."""

    def call(x):
        return tf.while_loop(
            lambda step, x: step < 3,
            lambda step, x: (step + 1, factor * x),
            (0, x),
        )[1]

    return call


def inner(factor):
    return tf.function(lambda x: (x + 1, factor * x), autograph=False)


def branches(factor):
    def call(x):
        return tf.switch_case(
            tf.cast(x[0, 0], tf.int32), [lambda: x, lambda: factor * x]
        )

    return call


def captured(factor):
    variable = tf.Variable(factor)
    return lambda x: variable * x


def constant(factor):
    table = tf.constant([factor] * 3)  # Created outside, so captured.
    return lambda x: table * x


@pytest.mark.parametrize("make", [loop, inner, branches, captured, constant])
def test_constants_and_variables_count(make):
    assert digest_of(make(2.0)) == digest_of(make(2.0))
    assert digest_of(make(2.0)) != digest_of(make(3.0))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "int8"])
def test_values_of_any_type_count(dtype):
    def times(value):
        variable = tf.Variable(value, dtype=dtype)
        return lambda x: tf.cast(variable, tf.float32) * x

    assert digest_of(times(2)) == digest_of(times(2))
    assert digest_of(times(2)) != digest_of(times(3))


def test_outputs_count():
    first, second = inner(2.0), inner(2.0)
    assert digest_of(lambda x: first(x)[0]) == digest_of(lambda x: second(x)[0])
    assert digest_of(lambda x: first(x)[0]) != digest_of(lambda x: first(x)[1])


def test_names_do_not_count():
    def dense(name):
        layer = keras.layers.Dense(3, name=name)
        layer.build((None, 3))
        layer.set_weights([np.eye(3), np.ones(3)])
        return keras.Sequential([layer, keras.layers.BatchNormalization()])

    one, other = dense("one"), dense("other")
    one.build((None, 3))
    other.build((None, 3))
    assert digest_of(one) == digest_of(other)
    other.layers[0].bias.assign([1, 1, 1.5])
    assert digest_of(one) != digest_of(other)


def test_the_order_of_layers_counts():
    first, second = (keras.layers.Dense(3, use_bias=False) for _ in range(2))
    for layer in (first, second):
        layer.build((None, 3))
    digest = digest_of(lambda x: first(second(x)))
    assert digest == digest_of(lambda x: first(second(x)))
    assert digest != digest_of(lambda x: second(first(x)))
