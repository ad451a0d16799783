"""AugMix against algorithm 1 of the paper, implemented with Pillow."""

import numpy as np
import pytest
from PIL import Image
from pillow_rand_augment import ORACLE
from scipy import stats

from kconsist.views import AugMix
from kconsist.views._seeds import as_seed, fold_in
from kconsist.views.aug_mix import AUGMIX_OPS

# Kolmogorov-Smirnov distance of 20,000 samples, at p = 0.001.
MAX_DISTANCE = 0.0138


def sample(view, count, seed=0):
    seed = fold_in(as_seed(seed), view.key())
    return [tensor.numpy() for tensor in view.sample(count, seed)]


def by_pillow(view, images, seed):
    """Applies and mixes the sampled chains, image by image, in float64."""
    *operations, chain_weights, image_weight = sample(view, len(images), seed)
    # All three have shape (images, chains, depth).
    operations = [
        values.reshape(len(images), view.width, view.max_depth)
        for values in operations
    ]
    results = []
    for number, image in enumerate(images):
        mixed = np.zeros(image.shape)
        for chain, weight in enumerate(chain_weights[number]):
            picture = Image.fromarray(image)
            steps = (values[number, chain] for values in operations)
            for choice, magnitude, sign in zip(*steps, strict=True):
                if choice >= 0:
                    picture = ORACLE[view.ops[choice]](
                        picture.convert("RGBA"), magnitude, sign
                    ).convert("RGB")
            mixed += weight * np.array(picture, float)
        m = float(image_weight[number])
        results.append(m * image + (1 - m) * mixed)
    return np.stack(results)


@pytest.mark.parametrize(
    "view",
    [
        AugMix(),
        AugMix(severity=10, width=4, max_depth=2, alpha=0.5),
        AugMix(width=1, max_depth=5, ops=["Rotate", "Solarize", "Invert"]),
    ],
    ids=repr,
)
def test_view_equals_the_algorithm_in_pillow(view, photographs):
    images = np.repeat(photographs, 10, axis=0)
    found = view(images, seed=1).numpy()
    # Rounded once: half a level, plus float32 error.
    np.testing.assert_allclose(found, by_pillow(view, images, 1), atol=0.501)
    assert (found != images).mean() > 0.3


def test_chains_have_one_to_three_operations_sampled_uniformly():
    choices, magnitudes, signs, *_ = sample(AugMix(), 20000)
    applied = choices >= 0
    assert np.array_equal(applied, np.sort(applied)[:, ::-1])
    for values, expected in (
        (applied.sum(1), (1, 2, 3)),
        (choices[applied], range(len(AUGMIX_OPS))),
        (signs, (-1, 1)),
    ):
        found, counts = np.unique(values, return_counts=True)
        assert list(found) == list(expected)
        p = 1 / len(expected)
        # Five standard deviations of a binomial count.
        deviation = (values.size * p * (1 - p)) ** 0.5
        assert abs(counts - values.size * p).max() < 5 * deviation
    uniform = stats.uniform(0.1, 2.9)
    assert (
        stats.kstest(magnitudes[:20000, 0], uniform.cdf).statistic
        < MAX_DISTANCE
    )


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_chain_weights_are_dirichlet_and_image_weight_is_beta(alpha):
    *_, chain_weights, image_weight = sample(AugMix(alpha=alpha), 20000)
    np.testing.assert_allclose(chain_weights.sum(1), 1, rtol=1e-5)
    for column in chain_weights.T:
        expected = stats.beta(alpha, 2 * alpha)
        assert stats.kstest(column, expected.cdf).statistic < MAX_DISTANCE
    expected = stats.beta(alpha, alpha)
    assert stats.kstest(image_weight, expected.cdf).statistic < MAX_DISTANCE
    correlation = np.corrcoef(chain_weights[:, 0], image_weight)[0, 1]
    assert abs(correlation) < 5 / 20000**0.5


def test_equal_weights_average_image_and_chains(photographs):
    """A large α makes all weights equal; each chain inverts the image."""
    view = AugMix(width=3, max_depth=1, alpha=1e6, ops=["Invert"])
    found = view(photographs, seed=0).numpy()
    # The mean of the image and its negative.
    np.testing.assert_allclose(found, 127.5, atol=1)


def test_default_operations_do_not_overlap_with_the_corruptions():
    assert not {"Color", "Contrast", "Brightness", "Sharpness"} & {*AUGMIX_OPS}
    assert AugMix().ops == list(AUGMIX_OPS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(severity=0), "severity must be in"),
        (dict(severity=11), "severity must be in"),
        (dict(width=0), "width must be an int >= 1, got 0"),
        (dict(max_depth=1.5), "max_depth must be an int >= 1, got 1.5"),
        (dict(alpha=0), "alpha must be > 0, got 0"),
        (dict(ops="Rotate"), "ops must be a list"),
        (dict(ops=["Turn"]), "Turn"),
    ],
)
def test_bad_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        AugMix(**arguments)
