"""RandAugment against FixMatch's procedure, implemented with Pillow."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from pillow_rand_augment import ORACLE

from kconsist.views import Compose, RandAugment
from kconsist.views._magnitudes import ALL_OPS
from kconsist.views._seeds import as_seed, fold_in
from kconsist.views.rand_augment import FIXMATCH_OPS


def sample(view, count, seed=0):
    seed = fold_in(as_seed(seed), view.key())
    return [tensor.numpy() for tensor in view.sample(count, seed)]


def by_pillow(view, images, seed):
    """Applies the sampled operations, image by image, on RGBA images."""
    names = view.ops or FIXMATCH_OPS
    results = []
    choices, magnitudes, signs = sample(view, len(images), seed)
    for number, image in enumerate(images):
        if image.shape[-1] == 1:
            image = image.repeat(3, axis=-1)
        picture = Image.fromarray(image).convert("RGBA")
        for choice, magnitude, sign in zip(
            choices[number], magnitudes[number], signs[number], strict=True
        ):
            if choice >= 0:
                picture = ORACLE[names[choice]](picture, magnitude, sign)
        result = np.array(picture)
        if view.fill is not None:
            result[result[..., 3] == 0] = view.fill
        results.append(result[..., : images.shape[-1]])
    return np.stack(results)


@pytest.mark.parametrize(
    "view",
    [
        RandAugment(),
        RandAugment(fill=None),
        RandAugment(num_ops=4, probability=1.0, fill=0),
        RandAugment(ops=ALL_OPS, probability=0.9),
        *(RandAugment(magnitude=m) for m in (0, 3, 5.5, 7, 9, 10)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["photographs", "digits"])
def test_view_equals_pillow(view, name, request):
    images = np.repeat(request.getfixturevalue(name), 20, axis=0)
    np.testing.assert_array_equal(
        view(images, seed=1), by_pillow(view, images, seed=1)
    )


@pytest.mark.parametrize("name", ALL_OPS)
@pytest.mark.parametrize("shape", [(32, 32, 3), (40, 72, 3), (24, 20, 1)])
def test_each_operation_equals_pillow_at_all_magnitudes(name, shape):
    images = np.random.default_rng(0).integers(0, 256, (60, *shape), "uint8")
    view = RandAugment(num_ops=1, ops=[name], probability=1.0)
    np.testing.assert_array_equal(
        view(images, seed=1), by_pillow(view, images, seed=1)
    )


def test_operations_magnitudes_and_signs_are_uniform():
    choices, magnitudes, signs = sample(RandAugment(probability=1.0), 20000)
    for values, expected in (
        (choices, range(14)),
        (magnitudes, range(1, 10)),
        (signs, (-1, 1)),
    ):
        for column in values.T:
            found, counts = np.unique(column, return_counts=True)
            assert list(found) == list(expected)
            # Five standard deviations of a binomial count.
            p = 1 / len(expected)
            deviation = (20000 * p * (1 - p)) ** 0.5
            assert abs(counts - 20000 * p).max() < 5 * deviation


def test_rounds_and_samples_are_independent():
    choices, magnitudes, signs = sample(RandAugment(probability=1.0), 20000)
    columns = np.concatenate([choices, magnitudes, signs], axis=1)
    correlations = np.corrcoef(columns.T) - np.eye(6)
    # Five times 1 / sqrt(20000).
    assert abs(correlations).max() < 0.036


@pytest.mark.parametrize(
    ("view", "probability"),
    [
        (RandAugment(), 0.5),
        (RandAugment(magnitude=5), 1.0),
        (RandAugment(magnitude=5, probability=0.2), 0.2),
        (RandAugment(probability=0.0), 0.0),
    ],
)
def test_operations_are_applied_with_their_probability(view, probability):
    choices, _, _ = sample(view, 10000)
    # Five standard deviations of the mean of 20000 samples.
    assert abs((choices >= 0).mean() - probability) < 0.018


def test_fixed_magnitude_applies_to_all_operations():
    _, magnitudes, _ = sample(RandAugment(magnitude=6.5), 100)
    assert (magnitudes == 6.5).all()


def test_probability_zero_is_the_identity(photographs):
    view = RandAugment(probability=0.0)
    np.testing.assert_array_equal(view(photographs, 0), photographs)


def test_images_of_a_batch_get_different_operations(photographs):
    images = np.repeat(photographs[:1], 64, axis=0)
    results = RandAugment()(images, seed=0).numpy()
    assert len({result.tobytes() for result in results}) > 20


def test_larger_batch_does_not_change_the_first_images(photographs):
    view = RandAugment()
    np.testing.assert_array_equal(
        view(photographs, 5)[:6], view(photographs[:6], 5)
    )


def test_two_in_one_composition_differ(photographs):
    one = RandAugment()
    once = one(photographs, 0)
    twice = Compose([one, one])(photographs, 0)
    again = one(once, 0)
    assert (twice.numpy() != again.numpy()).any()


def test_border_is_filled_unless_a_table_operation_follows():
    images = np.full((1, 32, 32, 3), 200, "uint8")
    view = RandAugment(num_ops=2, ops=["TranslateX", "Invert"])
    choices, magnitudes, signs = ([0, 1], [9.0, 9.0], [1.0, 1.0])

    def sample_fixed(batch, seed):
        return (
            tf.constant([choices]),
            tf.constant([magnitudes], tf.float64),
            tf.constant([signs], tf.float64),
        )

    view.sample = sample_fixed
    inverted_after = view(images, 0).numpy()
    assert (inverted_after[0, :, -9:] == 255).all()
    assert (inverted_after[0, :, :-9] == 55).all()
    choices = [1, 0]
    moved_after = view(images, 0).numpy()
    assert (moved_after[0, :, -9:] == 127).all()
    assert (moved_after[0, :, :-9] == 55).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_ops": 0}, "num_ops must be an int >= 1, got 0"),
        ({"magnitude": 11}, r"magnitude must be None or in \[0, 10\], got 11"),
        ({"magnitude": -1}, "got -1"),
        ({"probability": 1.5}, "probability must be None or in"),
        ({"fill": 256}, "fill must be None or in"),
        ({"ops": []}, "ops must be a list of names"),
        ({"ops": "Rotate"}, "ops must be a list of names, got 'Rotate'"),
        ({"ops": ["Rotate", "Blur"]}, r"got \['Blur'\]"),
    ],
)
def test_bad_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandAugment(**arguments)
