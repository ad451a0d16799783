"""AugMix against algorithm 1 of the paper, written with Pillow."""

import numpy as np
import pytest
from PIL import Image
from pillow_operations import ORACLE
from scipy import stats

from kconsist.views import AugMix
from kconsist.views._seeds import as_seed, fold_in
from kconsist.views.aug_mix import AUGMIX_OPS

# Kolmogorov's distance of 20,000 draws, 999 in 1000 times.
FARTHEST = 0.0138


def draws(view, count, seed=0):
    seed = fold_in(as_seed(seed), view.key())
    return [tensor.numpy() for tensor in view.draw(count, seed)]


def by_pillow(view, images, seed):
    """Mixes what the view draws, image by image, in float64."""
    *chains, shares, kept = draws(view, len(images), seed)
    # (images, chains, operations) each.
    chains = [
        drawn.reshape(len(images), view.width, view.max_depth)
        for drawn in chains
    ]
    results = []
    for number, image in enumerate(images):
        mixed = np.zeros(image.shape)
        for chain, share in enumerate(shares[number]):
            picture = Image.fromarray(image)
            drawn = (part[number, chain] for part in chains)
            for choice, level, sign in zip(*drawn, strict=True):
                if choice >= 0:
                    picture = ORACLE[view.ops[choice]](
                        picture.convert("RGBA"), level, sign
                    ).convert("RGB")
            mixed += share * np.array(picture, float)
        own = float(kept[number])
        results.append(own * image + (1 - own) * mixed)
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
def test_view_equals_the_algorithm_by_pillow(view, photographs):
    images = np.repeat(photographs, 10, axis=0)
    found = view(images, seed=1).numpy()
    # Rounded once: half a value, and what float32 adds.
    np.testing.assert_allclose(found, by_pillow(view, images, 1), atol=0.501)
    assert (found != images).mean() > 0.3


def test_chains_have_one_to_three_operations_of_any_kind():
    choices, levels, signs, *_ = draws(AugMix(), 20000)
    applied = choices >= 0
    assert np.array_equal(applied, np.sort(applied)[:, ::-1])
    for values, expected in (
        (applied.sum(1), (1, 2, 3)),
        (choices[applied], range(len(AUGMIX_OPS))),
        (signs, (-1, 1)),
    ):
        found, counts = np.unique(values, return_counts=True)
        assert list(found) == list(expected)
        share = 1 / len(expected)
        # Five standard deviations of a binomial count.
        deviation = (values.size * share * (1 - share)) ** 0.5
        assert abs(counts - values.size * share).max() < 5 * deviation
    uniform = stats.uniform(0.1, 2.9)
    assert stats.kstest(levels[:20000, 0], uniform.cdf).statistic < FARTHEST


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_shares_are_dirichlet_and_the_image_s_own_is_beta(alpha):
    *_, shares, kept = draws(AugMix(alpha=alpha), 20000)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    for column in shares.T:
        expected = stats.beta(alpha, 2 * alpha)
        assert stats.kstest(column, expected.cdf).statistic < FARTHEST
    expected = stats.beta(alpha, alpha)
    assert stats.kstest(kept, expected.cdf).statistic < FARTHEST
    together = np.corrcoef(shares[:, 0], kept)[0, 1]
    assert abs(together) < 5 / 20000**0.5


def test_many_chains_of_one_operation_end_in_their_mean(photographs):
    """A large α makes all shares alike; every chain is the same table."""
    view = AugMix(width=3, max_depth=1, alpha=1e6, ops=["Invert"])
    found = view(photographs, seed=0).numpy()
    # Half the image, half its negative.
    np.testing.assert_allclose(found, 127.5, atol=1)


def test_the_paper_s_operations_leave_the_benchmark_s_out():
    assert not {"Color", "Contrast", "Brightness", "Sharpness"} & {*AUGMIX_OPS}
    assert AugMix().ops == list(AUGMIX_OPS)


@pytest.mark.parametrize(
    ("arguments", "words"),
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
def test_bad_arguments_say_what_is_expected(arguments, words):
    with pytest.raises(ValueError, match=words):
        AugMix(**arguments)
