"""Properties of the schedules, for random values, steps and arguments."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from kconsist import mixing, schedules

STEPS = st.integers(1, 2000)
VALUES = st.sampled_from([1e-3, 0.5, 1.0, 100.0])
# Constructor from value and steps; whether it rises; its ends / value.
SCHEDULES = {
    "linear": (schedules.LinearRampUp, True, (0.0, 1.0)),
    "sigmoid": (schedules.SigmoidRampUp, True, (np.exp(-5), 1.0)),
    "linear_down": (
        lambda v, n: schedules.LinearRampDown(v, n, (n + 1) // 2),
        False,
        (1.0, 0.0),
    ),
    "sigmoid_down": (
        lambda v, n: schedules.SigmoidRampDown(v, n, (n + 1) // 2),
        False,
        (1.0, np.exp(-12.5)),
    ),
    "fixmatch": (
        schedules.FixMatchCosine,
        False,
        (1.0, np.sin(np.pi / 16)),
    ),
    "half_cosine": (schedules.HalfCosine, False, (1.0, 0.0)),
    "half_cosine_to_2": (
        lambda v, n: schedules.HalfCosine(v, n, end=2 * v),
        True,
        (1.0, 2.0),
    ),
}
EVERY = pytest.mark.parametrize("name", SCHEDULES)


@EVERY
@given(value=VALUES, steps=STEPS, data=st.data())
def test_is_monotone_between_its_end_values(name, value, steps, data):
    make, rises, ends = SCHEDULES[name]
    schedule = make(value, steps)
    between = data.draw(st.lists(st.integers(0, steps), min_size=2, max_size=6))
    found = [float(schedule(step)) for step in (0, *sorted(between), steps)]
    tolerance = dict(rtol=1e-5, atol=1e-6 * value)
    np.testing.assert_allclose(found[0], ends[0] * value, **tolerance)
    np.testing.assert_allclose(found[-1], ends[1] * value, **tolerance)
    differences = np.diff(found) if rises else -np.diff(found)
    assert np.all(differences >= -1e-6 * value)


@EVERY
@given(value=VALUES, steps=STEPS, late=st.integers(0, 10**6))
def test_is_constant_after_its_last_step(name, value, steps, late):
    schedule = SCHEDULES[name][0](value, steps)
    assert float(schedule(steps + late)) == float(schedule(steps))


@EVERY
@given(steps=STEPS, step=st.integers(0, 3000), value=VALUES)
def test_step_can_be_an_int_or_a_tensor(name, steps, step, value):
    schedule = SCHEDULES[name][0](value, steps)
    of_int = float(schedule(step))
    for dtype in ("int64", "int32", "float32"):
        assert float(schedule(tf.constant(step, dtype))) == of_int


@EVERY
@given(steps=STEPS, step=st.integers(0, 3000), value=VALUES)
def test_is_proportional_to_its_value(name, steps, step, value):
    make = SCHEDULES[name][0]
    np.testing.assert_allclose(
        make(4 * value, steps)(step), 4 * make(value, steps)(step), rtol=1e-6
    )


@pytest.mark.parametrize("scale", ["linear", "exp", "log"])
@given(classes=st.integers(2, 1000), steps=STEPS, data=st.data())
def test_annealing_rises_from_chance(scale, classes, steps, data):
    ceiling = schedules.TrainingSignalAnnealing(classes, steps, scale)
    at = data.draw(st.lists(st.integers(0, 2 * steps), max_size=5))
    found = [float(ceiling(step)) for step in sorted(at)]
    assert np.all(np.diff(found) >= -1e-6)
    assert all(1 / classes - 1e-6 <= value <= 1 + 1e-6 for value in found)
    middle = {"linear": 0.5, "exp": np.exp(-2.5), "log": 1 - np.exp(-2.5)}
    expected = middle[scale] * (1 - 1 / classes) + 1 / classes
    np.testing.assert_allclose(ceiling(steps / 2), expected, rtol=1e-5)


@given(value=VALUES, low=st.sampled_from([0.0, 0.1]), steps=STEPS)
def test_warm_start_rises_from_low_to_value(value, low, steps):
    warm = schedules.WarmStart(value, steps, low=low)
    np.testing.assert_allclose(warm(0), low, atol=1e-6 * max(value, 1))
    np.testing.assert_allclose(warm(100 * steps), value, rtol=1e-5)
    # 2 / (1 + e^-1) - 1 = tanh(1 / 2).
    relative = (float(warm(steps)) - low) / (value - low)
    np.testing.assert_allclose(relative, np.tanh(0.5), rtol=1e-3)


@given(value=VALUES, warmup=st.integers(1, 50), rest=st.integers(1, 500))
def test_half_cosine_warms_up_linearly(value, warmup, rest):
    schedule = schedules.HalfCosine(value, warmup + rest, warmup_steps=warmup)
    for step in (0, 1, warmup // 2, warmup):
        expected = value * step / warmup
        np.testing.assert_allclose(
            schedule(step), expected, rtol=1e-5, atol=1e-8
        )
    plain = schedules.HalfCosine(value, rest)
    for step in (0, rest // 2, rest):
        np.testing.assert_allclose(
            schedule(warmup + step), plain(step), rtol=1e-4, atol=1e-6 * value
        )


@given(
    alpha=st.floats(0.1, 20),
    uniform=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20),
)
def test_mixup_lambda_is_a_quantile_of_the_upper_half(alpha, uniform):
    uniform = np.sort(np.array(uniform, "float32"))
    lam = np.array(mixing.mixup_lambda(tf.constant(uniform), alpha))
    assert lam.min() >= 0.5 and lam.max() <= 1.0
    # λ decreases in `uniform`: 0 gives the largest.
    assert np.all(np.diff(lam) <= 1e-6)
    level = 2 * scipy.stats.beta.cdf(1 - lam.astype("float64"), alpha, alpha)
    expected = 1 - scipy.stats.beta.ppf(uniform / 2, alpha, alpha)
    near = np.abs(lam - expected) < 1e-4
    assert np.all(near | (np.abs(level - uniform) < 2e-3))
