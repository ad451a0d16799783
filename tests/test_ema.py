import keras
import numpy as np
import pytest
from methods import network, weights

from kconsist import ema


@pytest.mark.parametrize("freeze", ["layer", "variables"])
def test_teacher_is_a_frozen_copy(freeze):
    student = network(batch_norm=True)
    student.weights[2].assign(student.weights[2] + 1)
    teacher = ema.make_teacher(student, freeze)
    for a, b in zip(weights(student), weights(teacher), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not teacher.trainable_variables
    assert len(student.trainable_variables) == 6
    shared = {id(v) for v in student.weights} & {id(v) for v in teacher.weights}
    assert not shared


def test_freezing_variables_keeps_batch_statistics(rng):
    """`layer.trainable = False` puts BatchNorm in inference mode."""
    student = network(batch_norm=True)
    points = rng.normal(3, 5, (64, 6)).astype("float32")
    expected = student(points, training=True)
    student = network(batch_norm=True)
    by_variable = ema.make_teacher(student, "variables")
    by_layer = ema.make_teacher(student, "layer")
    np.testing.assert_allclose(by_variable(points, training=True), expected)
    assert np.abs(by_layer(points, training=True) - expected).max() > 0.1


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("policy", ["copy", "ema", "own"])
def test_update_moves_parameters_and_statistics(alpha, policy):
    student = network(batch_norm=True, seed=1)
    teacher = ema.make_teacher(network(batch_norm=True, seed=2))
    for weight in student.weights:
        weight.assign(weight + 0.5)
    before = weights(teacher)
    ema.ema_update(teacher, student, alpha, policy)
    for old, source, new in zip(
        before, student.weights, teacher.weights, strict=True
    ):
        averaged = alpha * old + (1 - alpha) * np.array(source)
        if not source.trainable:
            averaged = {
                "copy": np.array(source),
                "ema": averaged,
                "own": old,
            }[policy]
        np.testing.assert_allclose(new, averaged, rtol=1e-6)


def test_distance_to_a_still_student_falls_as_a_power():
    student = network(seed=1)
    teacher = ema.make_teacher(network(seed=2))
    start = weights(teacher)
    for _ in range(10):
        ema.ema_update(teacher, student, 0.7)
    for begun, now, goal in zip(
        start, weights(teacher), weights(student), strict=True
    ):
        expected = 0.7**10 * np.linalg.norm(begun - goal)
        np.testing.assert_allclose(
            np.linalg.norm(now - goal), expected, rtol=1e-3, atol=1e-6
        )


def test_warmup_of_the_mean_is_the_arithmetic_mean(rng):
    values, average = rng.normal(size=20), 123.0
    for step, value in enumerate(values):
        alpha = float(ema.decay_at(step, 0.99, "mean"))
        average = alpha * average + (1 - alpha) * value
    np.testing.assert_allclose(average, values.mean(), rtol=1e-5)


@pytest.mark.parametrize(
    "warmup, expected",
    [
        (None, [0.9, 0.9, 0.9]),
        ("mean", [0.0, 0.5, 0.9]),
        ("num_updates", [0.1, 2 / 11, 0.9]),
    ],
)
def test_decay_with_each_warmup(warmup, expected):
    found = [float(ema.decay_at(step, 0.9, warmup)) for step in (0, 1, 1000)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_preserve_restores_statistics(rng):
    student = network(batch_norm=True)
    teacher = ema.make_teacher(student)
    moving = ema.non_trained_weights(teacher, student)
    assert len(moving) == 2
    before = [np.array(v) for v in moving]
    points = rng.normal(3, 1, (8, 6)).astype("float32")
    with ema.preserve(moving):
        teacher(points, training=True)
        assert np.abs(before[0] - np.array(moving[0])).max() > 0
    for a, b in zip(before, moving, strict=True):
        np.testing.assert_array_equal(a, b)


def test_batch_norm_of_a_nested_model_is_copied():
    inner = network(batch_norm=True)
    student = keras.Sequential([keras.Input((6,)), inner])
    teacher = ema.make_teacher(student)
    assert len(teacher.weights) == len(student.weights)
    assert len(ema.non_trained_weights(teacher, student)) == 2


@pytest.mark.parametrize("nested", [False, True])
def test_teacher_normalizes_as_an_adapted_student(nested, rng):
    points = rng.normal(3, 2, (50, 4)).astype("float32")
    normalization = keras.layers.Normalization()
    normalization.adapt(points)
    if nested:  # As in `keras.applications`.
        normalization = keras.Sequential([keras.Input((4,)), normalization])
    student = keras.Sequential(
        [keras.Input((4,)), normalization, keras.layers.Dense(3)]
    )
    teacher = ema.make_teacher(student)
    np.testing.assert_array_equal(teacher(points), student(points))


def test_statistics_are_copied_by_default():
    student = network(batch_norm=True, seed=1)
    teacher = ema.make_teacher(student)
    moving = ema.non_trained_weights(student, student)
    for value in moving:
        value.assign(value + 0.5)
    ema.ema_update(teacher, student, 0.9)
    for a, b in zip(
        moving, ema.non_trained_weights(teacher, student), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_moving_statistics_are_only_those_of_batch_norm():
    student = network(batch_norm=True, dropout=0.5)
    norm = student.layers[1]
    found = ema.moving_statistics(student)
    assert {id(v) for v in found} == {
        id(norm.moving_mean),
        id(norm.moving_variance),
    }


@pytest.mark.parametrize("nested", [False, True])
def test_a_student_unfrozen_after_its_teacher_is_refused(nested):
    """The teacher's BatchNorm would use its first statistics for ever."""
    inner = network(batch_norm=True)
    inner.layers[1].trainable = False
    student = inner
    if nested:
        student = keras.Sequential([keras.Input((6,)), inner])
    teacher = ema.make_teacher(student)
    ema.ema_update(teacher, student, 0.9, "own")
    inner.layers[1].trainable = True
    with pytest.raises(
        ValueError, match="batch_normalization.* create a new teacher"
    ):
        ema.ema_update(teacher, student, 0.9, "own")
    ema.ema_update(ema.make_teacher(student), student, 0.9, "own")
    ema.ema_update(ema.make_teacher(student, "layer"), student, 0.9, "copy")
