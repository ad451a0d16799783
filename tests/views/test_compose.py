"""Seeds in a composition."""

import keras
import numpy as np
import pytest

from kconsist.views import Compose, Cutout, FlipCrop, RandAugment


def test_weak_and_strong_share_flip_and_crop(coordinates):
    weak = FlipCrop()(coordinates, seed=11).numpy()
    strong = Compose([FlipCrop(), Cutout(size=9, fill=255)])
    strong = strong(coordinates, seed=11).numpy()
    kept = strong[..., 2] != 255
    assert 0.8 < kept.mean() < 1
    np.testing.assert_array_equal(strong[kept], weak[kept])
    other = FlipCrop()(coordinates, seed=12).numpy()
    assert (other != weak).any(axis=(1, 2, 3)).mean() > 0.9


def test_order_in_the_composition_does_not_change_draws(photographs):
    first = Compose([RandAugment(), FlipCrop()])(photographs, 2)
    by_hand = FlipCrop()(RandAugment()(photographs, 2), 2)
    np.testing.assert_array_equal(first, by_hand)


def test_second_of_a_class_draws_differently(coordinates):
    once = Compose([FlipCrop(padding=0)])(coordinates, 0).numpy()
    twice = Compose([FlipCrop(padding=0)] * 2)(coordinates, 0).numpy()
    flipped = [images[:, 0, 0, 1] == 31 for images in (once, twice)]
    # With equal draws the second flip would undo the first everywhere.
    assert 10 < flipped[1].sum() < 54
    assert 10 < (flipped[0] ^ flipped[1]).sum() < 54


def test_nested_is_as_if_flattened(photographs):
    parts = [FlipCrop(), RandAugment(), RandAugment(), Cutout(8), FlipCrop()]
    flat = Compose(parts)
    nested = Compose(
        [parts[0], Compose([parts[1], Compose(parts[2:4])]), parts[4]]
    )
    assert nested.parts == parts
    np.testing.assert_array_equal(nested(photographs, 9), flat(photographs, 9))


def test_compose_of_nothing_is_identity(photographs):
    np.testing.assert_array_equal(Compose([])(photographs, 0), photographs)


def test_functions_layers_and_none_are_parts(photographs):
    def darken(images, seed):
        return images // 2

    view = Compose([None, darken, keras.layers.Identity()])
    np.testing.assert_array_equal(view(photographs, 0), photographs // 2)


@pytest.mark.parametrize("views", [None, FlipCrop(), "flip"])
def test_views_must_be_a_list(views):
    with pytest.raises(ValueError, match="views must be a list of views"):
        Compose(views)


def test_bad_part_is_an_error():
    with pytest.raises(ValueError, match="a view is a View, None"):
        Compose([FlipCrop(), 3])
