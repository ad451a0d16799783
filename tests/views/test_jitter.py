"""Displacements of points."""

import numpy as np
import pytest
import tensorflow as tf

from kconsist.views import Jitter

COUNT = 20000


@pytest.mark.parametrize("dimensions", [1, 2, 3, 10])
def test_displacements_are_uniform_in_the_ball(dimensions):
    points = np.ones((COUNT, dimensions), "float32")
    moved = Jitter(radius=0.3)(points, seed=0).numpy() - points
    lengths = np.linalg.norm(moved, axis=1)
    # Float32 rounding of sums with 1.
    assert lengths.max() <= 0.3 + 1e-6
    # In a ball, the relative length to the power of the dimension is uniform
    # on [0, 1]. Kolmogorov-Smirnov bound at p = 0.001: 1.95 / sqrt(20000).
    power = np.sort((lengths / 0.3) ** dimensions)
    assert abs(power - np.linspace(0, 1, COUNT)).max() < 0.0138
    # Five standard deviations of the mean.
    assert abs(moved.mean(axis=0)).max() < 5 * 0.3 / COUNT**0.5


def test_directions_are_uniform():
    moved = Jitter(radius=1.0)(np.zeros((COUNT, 2), "float32"), seed=0).numpy()
    angles = np.sort(np.arctan2(moved[:, 1], moved[:, 0]))
    expected = np.linspace(-np.pi, np.pi, COUNT)
    assert abs(angles - expected).max() / (2 * np.pi) < 0.0138


def test_std_is_the_deviation_of_each_coordinate():
    moved = Jitter(std=0.2)(np.zeros((COUNT, 3), "float32"), seed=0).numpy()
    # Five standard deviations of the estimates.
    assert abs(moved.std(axis=0) - 0.2).max() < 5 * 0.2 / (2 * COUNT) ** 0.5
    assert abs(moved.mean(axis=0)).max() < 5 * 0.2 / COUNT**0.5
    assert abs(np.corrcoef(moved.T) - np.eye(3)).max() < 5 / COUNT**0.5


@pytest.mark.parametrize("view", [Jitter(radius=0.1), Jitter(std=0.1)])
def test_same_seed_same_points(view):
    points = np.random.default_rng(0).normal(size=(50, 2)).astype("float32")
    result = view(points, seed=4)
    assert result.dtype == tf.float32
    np.testing.assert_array_equal(result, view(points, seed=4))
    assert not np.array_equal(result, view(points, seed=5))
    dataset = tf.data.Dataset.from_tensors(points).repeat(4)
    for again in dataset.map(lambda p: view(p, 4), num_parallel_calls=2):
        np.testing.assert_array_equal(result, again)


def test_one_point_is_a_batch_of_one():
    view = Jitter(std=0.1)
    point = np.array([1.0, 2.0], "float32")
    np.testing.assert_array_equal(view(point, 0), view(point[None], 0)[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of radius and std must be given"),
        (
            {"radius": 1.0, "std": 1.0},
            "exactly one of radius and std must be given",
        ),
        ({"radius": 0.0}, "must be > 0, got radius=0.0"),
        ({"std": -1.0}, "must be > 0, .*std=-1.0"),
    ],
)
def test_bad_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        Jitter(**arguments)


@pytest.mark.parametrize(
    "points", [np.zeros((4, 2), "int32"), np.zeros((4, 8, 8, 3), "float32")]
)
def test_bad_points_are_an_error(points):
    with pytest.raises(ValueError, match="Jitter expects float points"):
        Jitter(std=1.0)(points, seed=0)
