import math

import keras
import numpy as np
import pytest

from kconsist import schedules

CLOSED_FORMS = {
    schedules.LinearRampUp: lambda t: min(t, 1.0),
    schedules.SigmoidRampUp: lambda t: math.exp(-5 * (1 - min(t, 1.0)) ** 2),
    schedules.FixMatchCosine: lambda t: math.cos(7 * math.pi * min(t, 1) / 16),
}
EVERY = pytest.mark.parametrize("cls", CLOSED_FORMS)


@EVERY
@pytest.mark.parametrize("step", [0, 50, 99, 100, 101, 1000])
def test_equals_its_closed_form(cls, step):
    expected = 3.0 * CLOSED_FORMS[cls](step / 100)
    np.testing.assert_allclose(cls(3.0, 100)(step), expected, rtol=1e-5)


@EVERY
def test_is_monotone(cls):
    values = [float(cls(1.0, 50)(step)) for step in range(60)]
    steps = np.diff(values)
    falls = cls is schedules.FixMatchCosine
    assert np.all(steps <= 1e-7) if falls else np.all(steps >= -1e-7)


def test_ends_that_papers_state():
    assert float(schedules.SigmoidRampUp(1.0, 10)(0)) == pytest.approx(
        math.exp(-5)
    )
    assert float(schedules.FixMatchCosine(1.0, 10)(10)) == pytest.approx(
        0.195, abs=1e-3
    )


@EVERY
def test_comes_back_from_its_configuration(cls):
    schedule = cls(3.0, 100)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    assert type(copy) is cls
    assert float(copy(30)) == float(schedule(30))


def test_serves_as_a_learning_rate():
    rate = schedules.FixMatchCosine(0.03, steps=16)
    optimizer = keras.optimizers.SGD(rate)
    assert float(optimizer.learning_rate) == pytest.approx(0.03)
