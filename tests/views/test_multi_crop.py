"""The crops of MultiCrop: seeds, sizes, order."""

import numpy as np
import pytest
import tensorflow as tf

from kconsist.views import Compose, FlipCrop, MultiCrop, SimCLRAugment
from kconsist.views._seeds import as_seed, fold_in

LARGE = SimCLRAugment(size=24, scale=(0.3, 1.0))
SMALL = SimCLRAugment(size=12, scale=(0.05, 0.3))


def test_crop_k_gets_the_seed_folded_with_k(photographs):
    view = MultiCrop([LARGE, SMALL], (2, 3))
    results = view(photographs, seed=5)
    assert isinstance(results, tuple)
    seed = fold_in(as_seed(5), view.key())
    for k, crop in enumerate([LARGE, LARGE, SMALL, SMALL, SMALL]):
        np.testing.assert_array_equal(
            results[k], crop(photographs, fold_in(seed, k))
        )


def test_defaults_are_those_of_swav(photographs):
    view = MultiCrop()
    assert view.counts == (2, 6)
    assert [v.size for v in view.views] == [224, 96]
    assert [v.scale for v in view.views] == [(0.14, 1.0), (0.05, 0.14)]
    one = MultiCrop(counts=(1, 1))(photographs[0], seed=0)
    assert [r.shape for r in one] == [(224, 224, 3), (96, 96, 3)]


def test_accepts_any_view(photographs):
    view = MultiCrop([Compose([FlipCrop()]), None], (2, 1))
    first, second, same = view(photographs, 0)
    assert (first.numpy() != second.numpy()).any()
    np.testing.assert_array_equal(same, photographs)


@pytest.mark.slow
def test_crops_in_a_pipeline_of_named_views(photographs):
    view = MultiCrop([LARGE, SMALL], (2, 2))

    def named(images):
        large, other, *small = view(images, 0)
        return {"large": large, "other": other, "small": tf.concat(small, 0)}

    (batch,) = tf.data.Dataset.from_tensors(photographs).map(named)
    assert batch["large"].shape == batch["other"].shape == (24, 24, 24, 3)
    assert batch["small"].shape == (48, 12, 12, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"views": FlipCrop()}, "views must be a list of views"),
        ({"views": []}, "views must be a list of views"),
        ({"views": [LARGE], "counts": (2, 6)}, "counts must be a list of 1"),
        ({"counts": 2}, "counts must be a list of 2 ints"),
        ({"counts": (2, 0)}, "counts must be ints >= 1"),
    ],
)
def test_bad_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiCrop(**arguments)
