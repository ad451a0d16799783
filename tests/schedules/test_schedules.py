"""Schedules against their closed forms."""

import inspect
import math

import keras
import numpy as np
import pytest

from kconsist import schedules

CLOSED_FORMS = {
    schedules.LinearRampUp: lambda t: min(t, 1.0),
    schedules.SigmoidRampUp: lambda t: math.exp(-5 * (1 - min(t, 1.0)) ** 2),
    schedules.FixMatchCosine: lambda t: math.cos(7 * math.pi * min(t, 1) / 16),
    schedules.HalfCosine: lambda t: (1 + math.cos(math.pi * min(t, 1))) / 2,
    schedules.WarmStart: lambda t: 2 / (1 + math.exp(-t)) - 1,
}
FALLING = (schedules.FixMatchCosine, schedules.HalfCosine)
EVERY = pytest.mark.parametrize("cls", CLOSED_FORMS)


@EVERY
def test_equals_its_closed_form(cls):
    for step in (0, 50, 99, 100, 101, 1000):
        expected = 3.0 * CLOSED_FORMS[cls](step / 100)
        np.testing.assert_allclose(
            cls(3.0, 100)(step), expected, rtol=1e-5, atol=1e-6
        )


@EVERY
def test_is_monotone(cls):
    values = [float(cls(1.0, 50)(step)) for step in range(60)]
    steps = np.diff(values)
    falls = cls in FALLING
    assert np.all(steps <= 1e-7) if falls else np.all(steps >= -1e-7)


def test_end_values_of_the_papers():
    assert float(schedules.SigmoidRampUp(1.0, 10)(0)) == pytest.approx(
        math.exp(-5)
    )
    assert float(schedules.FixMatchCosine(1.0, 10)(10)) == pytest.approx(
        0.195, abs=1e-3
    )


@EVERY
def test_config_round_trip(cls):
    schedule = cls(3.0, 100)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    assert type(copy) is cls
    assert float(copy(30)) == float(schedule(30))


def test_linear_ramp_with_a_later_start():
    """Pseudo-Label's α(t), equation 16: T1 is 100, T2 is 600."""
    ramp = schedules.LinearRampUp(3.0, steps=600, start=100)
    for step in (0, 99, 100, 101, 350, 599, 600, 1000):
        if step < 100:
            expected = 0.0
        elif step < 600:
            expected = (step - 100) / (600 - 100) * 3.0
        else:
            expected = 3.0
        np.testing.assert_allclose(ramp(step), expected, rtol=1e-5, atol=1e-7)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(ramp)
    )
    assert float(copy(350)) == float(ramp(350))


@pytest.mark.parametrize("start", [-1, 10, 11])
def test_start_after_the_end_is_an_error(start):
    with pytest.raises(ValueError, match=r"start must be in \[0, 10\)"):
        schedules.LinearRampUp(1.0, steps=10, start=start)


def test_optimizer_accepts_a_schedule():
    rate = schedules.FixMatchCosine(0.03, steps=16)
    optimizer = keras.optimizers.SGD(rate)
    assert float(optimizer.learning_rate) == pytest.approx(0.03)


def test_ramps_fall_over_the_last_steps():
    linear = schedules.LinearRampDown(3.0, steps=100, length=20)
    sigmoid = schedules.SigmoidRampDown(3.0, steps=100, length=20)
    for step in (0, 79, 80, 85, 90, 99, 100, 101, 1000):
        remaining = min(max((100 - step) / 20, 0.0), 1.0)
        np.testing.assert_allclose(linear(step), 3 * remaining, rtol=1e-5)
        expected = 3 * math.exp(-12.5 * (1 - remaining) ** 2)
        np.testing.assert_allclose(sigmoid(step), expected, rtol=1e-5)


def test_warm_up_and_half_cosine_equal_keras():
    ours = schedules.HalfCosine(0.3, steps=100, warmup_steps=10)
    keras_schedule = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=90, warmup_target=0.3, warmup_steps=10
    )
    for step in (0, 1, 9, 10, 11, 50, 99, 100, 101):
        np.testing.assert_allclose(ours(step), keras_schedule(step), atol=1e-7)


def test_half_cosine_equals_the_momentum_of_byol():
    momentum = schedules.HalfCosine(0.996, steps=100, end=1.0)
    for step in (0, 30, 100, 101):
        cosine = math.cos(math.pi * min(step / 100, 1.0))
        expected = 1 - (1 - 0.996) * (cosine + 1) / 2
        np.testing.assert_allclose(momentum(step), expected, rtol=1e-6)


ANNEALING = {
    "linear": lambda r: r,
    "exp": lambda r: math.exp(5 * (r - 1)),
    "log": lambda r: 1 - math.exp(-5 * r),
}


@pytest.mark.parametrize("scale", ANNEALING)
def test_annealing_rises_from_chance_to_1(scale):
    ceiling = schedules.TrainingSignalAnnealing(4, 100, scale)
    for step in (0, 1, 50, 100, 101, 1000):
        rate = ANNEALING[scale](min(step / 100, 1.0))
        expected = rate * (1 - 1 / 4) + 1 / 4
        np.testing.assert_allclose(ceiling(step), expected, rtol=1e-5)
    assert 0.25 <= ceiling(0) < 0.26 and 0.99 < ceiling(100) <= 1.0


def test_warm_start_equals_its_closed_form():
    strength = schedules.WarmStart(0.1, steps=1000)
    assert float(strength(0)) == 0.0
    assert float(strength(1000)) == pytest.approx(0.0462, abs=1e-4)
    assert float(strength(10**6)) == pytest.approx(0.1)
    other = schedules.WarmStart(0.9, steps=10, low=0.2, slope=3.0)
    expected = 2 * 0.7 / (1 + math.exp(-1.5)) - 0.7 + 0.2
    assert float(other(5)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "schedule",
    [
        schedules.LinearRampDown(3.0, 100, 40),
        schedules.SigmoidRampDown(3.0, 100, 40),
        schedules.HalfCosine(3.0, 100, 10, 0.5),
        schedules.TrainingSignalAnnealing(4, 100, "exp"),
        schedules.WarmStart(3.0, 100, 0.5, 2.0),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_config_round_trip_of_all_arguments(schedule):
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    assert copy.get_config() == schedule.get_config()
    assert float(copy(70)) == float(schedule(70))
    assert {*schedule.get_config()} == {
        *inspect.signature(type(schedule)).parameters
    }


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: schedules.LinearRampDown(1.0, 10, 11), "length"),
        (lambda: schedules.SigmoidRampDown(1.0, 10, 0), "length"),
        (lambda: schedules.HalfCosine(1.0, 10, 10), "warmup_steps"),
        (lambda: schedules.HalfCosine(1.0, 10, end=-1), "end"),
        (lambda: schedules.TrainingSignalAnnealing(1, 10), "num_classes"),
        (lambda: schedules.TrainingSignalAnnealing(2, 10, "cube"), "scale"),
        (lambda: schedules.WarmStart(1.0, 10, slope=0), "slope"),
    ],
)
def test_wrong_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        make()


def test_defaults():
    """UDA's linear schedule; TLL's warm start, from 0 with a slope of 1."""
    annealing = schedules.TrainingSignalAnnealing(2, 10).get_config()
    assert annealing["scale"] == "linear"
    warm = schedules.WarmStart(1.0, 10).get_config()
    assert (warm["low"], warm["slope"]) == (0.0, 1.0)
    cosine = schedules.HalfCosine(1.0, 10).get_config()
    assert (cosine["warmup_steps"], cosine["end"]) == (0, 0.0)
