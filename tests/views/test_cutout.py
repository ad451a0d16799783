"""The square of Cutout: size, position and value."""

import numpy as np
import pytest
import tensorflow as tf

from kconsist.views import Cutout


def squares(view, shape=(32, 32, 3), count=4000):
    """Returns top, bottom, left and right of the square in each image."""
    masked = view(np.zeros((count, *shape), "uint8"), seed=0).numpy() > 0
    assert (masked == masked[..., :1]).all()
    masked = masked[..., 0]
    rows, columns = masked.any(axis=2), masked.any(axis=1)
    # A rectangle is the product of its rows and columns.
    assert (masked == rows[:, :, None] & columns[:, None, :]).all()
    height, width = shape[:2]
    return (
        rows.argmax(1),
        height - rows[:, ::-1].argmax(1),
        columns.argmax(1),
        width - columns[:, ::-1].argmax(1),
    )


@pytest.mark.parametrize("size", [1, 5, 16])
def test_square_has_its_size_and_a_uniform_center(size):
    top, bottom, left, right = squares(Cutout(size=size))
    for start, stop in ((top, bottom), (left, right)):
        inside = (start > 0) & (stop < 32)
        assert (stop - start)[inside].min() == size
        assert (stop - start).max() == size
        # If the start is not clipped, it gives the center.
        centers = np.where(
            start > 0, start + size // 2, stop - size + size // 2
        )
        found, counts = np.unique(centers, return_counts=True)
        assert list(found) == list(range(32))
        # 4000 / 32 = 125 per center; five standard deviations are 55.
        assert abs(counts - 125).max() < 56


def test_square_is_clipped_at_the_border():
    top, bottom, _, _ = squares(Cutout(size=16))
    # 8 rows remain with the center on the first row, 9 on the last.
    assert (bottom - top).min() == 8
    assert ((bottom - top)[bottom == 32]).min() == 9


def test_rows_and_columns_are_independent():
    top, _, left, _ = squares(Cutout(size=1))
    # Five times 1 / sqrt(4000).
    assert abs(np.corrcoef(top, left)[0, 1]) < 0.079


def test_fraction_is_of_the_shorter_side():
    _, bottom, _, right = squares(Cutout(size=0.5), (20, 40, 1), 500)
    top, _, left, _ = squares(Cutout(size=0.5), (20, 40, 1), 500)
    assert (bottom - top).max() == 10
    assert (right - left).max() == 10


def test_square_is_filled_and_the_rest_unchanged(photographs):
    result = Cutout(size=8, fill=3)(photographs, seed=0).numpy()
    changed = (result != photographs).any(axis=-1)
    assert (result[changed] == 3).all()
    assert changed.any(axis=(1, 2)).all()
    assert changed.sum(axis=(1, 2)).max() <= 64


def test_default_is_sixteen_pixels_of_mid_gray():
    assert Cutout().get_config() == {"size": 16, "fill": 127}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be an int >= 1"),
        ({"size": 1.5}, r"a float in \(0, 1\], .*got 1.5"),
        ({"size": "16"}, "size must be an int >= 1"),
        ({"fill": 256}, r"fill must be an int in \[0, 255\], got 256"),
        ({"fill": 0.5}, "got 0.5"),
    ],
)
def test_bad_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        Cutout(**arguments)


def test_square_is_masked_under_xla():
    images = tf.fill((40, 24, 20, 3), tf.constant(200, tf.uint8))
    compiled = tf.function(Cutout(size=9), jit_compile=True)
    masked = compiled(images, tf.constant([3, 4])).numpy()
    assert set(np.unique(masked)) == {127, 200}
    inside = masked == 127
    rows, columns = inside.any(axis=(2, 3)), inside.any(axis=(1, 3))
    square = rows[:, :, None, None] & columns[:, None, :, None]
    np.testing.assert_array_equal(inside, square | np.zeros_like(inside))
    assert rows.sum(axis=1).max() == columns.sum(axis=1).max() == 9
    assert rows.sum(axis=1).min() >= 5
