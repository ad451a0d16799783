"""Seeds and order in a composition."""

import keras
import numpy as np
import pytest

from kconsist.views import Compose, Cutout, FlipCrop, RandAugment


def test_weak_and_strong_share_flip_and_crop(coordinates):
    weak = FlipCrop()(coordinates, seed=11).numpy()
    strong = Compose([FlipCrop(), Cutout(size=9, fill=255)])
    strong = strong(coordinates, seed=11).numpy()
    visible = strong[..., 2] != 255
    assert 0.8 < visible.mean() < 1
    np.testing.assert_array_equal(strong[visible], weak[visible])
    other = FlipCrop()(coordinates, seed=12).numpy()
    assert (other != weak).any(axis=(1, 2, 3)).mean() > 0.9


def test_position_in_the_composition_does_not_change_seeds(photographs):
    first = Compose([RandAugment(), FlipCrop()])(photographs, 2)
    by_hand = FlipCrop()(RandAugment()(photographs, 2), 2)
    np.testing.assert_array_equal(first, by_hand)


def test_two_views_of_one_class_sample_independently(coordinates):
    once = Compose([FlipCrop(padding=0)])(coordinates, 0).numpy()
    twice = Compose([FlipCrop(padding=0)] * 2)(coordinates, 0).numpy()
    flipped = [images[:, 0, 0, 1] == 31 for images in (once, twice)]
    # With equal seeds the second flip would undo the first everywhere.
    assert 10 < flipped[1].sum() < 54
    assert 10 < (flipped[0] ^ flipped[1]).sum() < 54


def test_nested_compositions_are_flattened(photographs):
    views = [FlipCrop(), RandAugment(), RandAugment(), Cutout(8), FlipCrop()]
    flat = Compose(views)
    nested = Compose(
        [views[0], Compose([views[1], Compose(views[2:4])]), views[4]]
    )
    assert nested.flat_views == views
    np.testing.assert_array_equal(nested(photographs, 9), flat(photographs, 9))


def test_empty_composition_is_the_identity(photographs):
    np.testing.assert_array_equal(Compose([])(photographs, 0), photographs)


def test_functions_layers_and_none_are_accepted(photographs):
    def darken(images, seed):
        return images // 2

    view = Compose([None, darken, keras.layers.Identity()])
    np.testing.assert_array_equal(view(photographs, 0), photographs // 2)


@pytest.mark.parametrize("views", [None, FlipCrop(), "flip"])
def test_views_must_be_a_list(views):
    with pytest.raises(ValueError, match="views must be a list of views"):
        Compose(views)


def test_bad_view_is_an_error():
    with pytest.raises(ValueError, match="a view must be a View, None"):
        Compose([FlipCrop(), 3])
