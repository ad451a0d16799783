"""Random numbers depend on (seed, name, severity, index) only."""

import zlib

import numpy as np
import pytest

from kconsist.robustness.corruptions import CORRUPTIONS, corrupt
from kconsist.robustness.corruptions._image_rng import ImageRNG
from kconsist.robustness.corruptions._seed_states import seed_states


def test_generator_is_the_documented_one():
    found = ImageRNG(5, "fog", 2, indices=range(11, 14)).uniform(0, 1, (4,))
    for index, values in zip(range(11, 14), found, strict=True):
        seed = np.random.SeedSequence(
            5, spawn_key=(zlib.crc32(b"fog"), 2, index)
        )
        expected = np.random.Generator(np.random.PCG64(seed)).random(4)
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
    "seed", [0, 1, 2**32 - 1, 2**32, 2**64 + 5, 2**128 - 1, 2**128, 2**200]
)
@pytest.mark.parametrize("key", [(5,), (2**32 - 1, 3), (0, 0), (1, 2, 3)])
def test_states_are_those_of_seed_sequences(seed, key):
    indices = np.array([0, 1, 2, 99, 2**31, 2**32 - 1])
    sequences = [
        np.random.SeedSequence(seed, spawn_key=(*key, int(index)))
        for index in indices
    ]
    expected = [each.generate_state(4, np.uint64) for each in sequences]
    found = seed_states(seed, key, indices)
    assert found.dtype == np.uint64
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("start", [2**32, 2**32 - 1, [5, 2**40]])
def test_indices_that_do_not_fit_into_a_word_raise(start):
    images = np.zeros((2, 8, 8, 3), "uint8")
    with pytest.raises(
        ValueError, match=r"start must be from 0 to 2\*\*32 - 1"
    ):
        corrupt(images, "fog", 1, start=start)
    assert len(corrupt(images, "fog", 1, start=2**32 - 2)) == 2


def test_names_have_different_keys():
    assert len({zlib.crc32(n.encode()) for n in CORRUPTIONS}) == 19


def test_all_images_get_different_numbers():
    keys = [
        (seed, name, severity)
        for seed in (0, 1, 2**32)
        for name in ("fog", "snow")
        for severity in (1, 2)
    ]
    values = [ImageRNG(*key, range(20)).uniform(0, 1) for key in keys]
    assert len(np.unique(values)) == 20 * len(keys)


def test_samples_follow_their_distribution():
    rng = ImageRNG(0, "fog", 1, range(50))
    normal = rng.normal((1000,), 3.0, 0.5)
    assert abs(normal.mean() - 3) < 0.01 and abs(normal.std() - 0.5) < 0.01
    uniform = rng.uniform(-2, 6, (1000,))
    assert uniform.min() >= -2 and uniform.max() < 6
    assert abs(uniform.mean() - 2) < 0.05
    integers = rng.integers(-1, 1, (1000,))
    assert sorted(np.unique(integers)) == [-1, 0]
    assert abs(integers.mean() + 0.5) < 0.01
    means = np.broadcast_to([[0.0, 4.0, 300.0]], (50, 3)).repeat(500, 1)
    poisson = rng.poisson(means).reshape(50, 3, 500)
    np.testing.assert_allclose(poisson.mean(axis=(0, 2)), [0, 4, 300], atol=0.5)
    np.testing.assert_allclose(poisson.var(axis=(0, 2)), [0, 4, 300], rtol=0.05)


def test_shapes_start_with_the_number_of_images():
    rng = ImageRNG(0, "fog", 1, range(6))
    assert rng.normal((2, 3)).shape == (6, 2, 3)
    assert rng.uniform(0, 1).shape == (6,)
    assert rng.integers(0, 9, (4,)).shape == (6, 4)
