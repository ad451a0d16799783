"""The square of Cutout: its size, place and value."""

import numpy as np
import pytest

from kconsist.views import Cutout


def squares(view, shape=(32, 32, 3), count=4000):
    """Returns top, bottom, left, right of each image's square."""
    covered = view(np.zeros((count, *shape), "uint8"), seed=0).numpy() > 0
    assert (covered == covered[..., :1]).all()
    covered = covered[..., 0]
    rows, columns = covered.any(axis=2), covered.any(axis=1)
    # A rectangle: covered exactly where its row and its column are.
    assert (covered == rows[:, :, None] & columns[:, None, :]).all()
    height, width = shape[:2]
    return (
        rows.argmax(1),
        height - rows[:, ::-1].argmax(1),
        columns.argmax(1),
        width - columns[:, ::-1].argmax(1),
    )


@pytest.mark.parametrize("size", [1, 5, 16])
def test_square_has_its_size_and_a_uniform_centre(size):
    top, bottom, left, right = squares(Cutout(size=size))
    for start, stop in ((top, bottom), (left, right)):
        whole = (start > 0) & (stop < 32)
        assert (stop - start)[whole].min() == size
        assert (stop - start).max() == size
        # Away from the border the start tells the centre.
        centres = np.where(
            start > 0, start + size // 2, stop - size + size // 2
        )
        found, counts = np.unique(centres, return_counts=True)
        assert list(found) == list(range(32))
        # 4000 / 32 = 125 a centre, five standard deviations are 55.
        assert abs(counts - 125).max() < 56


def test_square_is_clipped_at_the_border():
    top, bottom, _, _ = squares(Cutout(size=16))
    # Centre on the first row: 8 rows are left; on the last one: 9.
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


def test_fill_and_the_rest_of_the_image(photographs):
    result = Cutout(size=8, fill=3)(photographs, seed=0).numpy()
    changed = (result != photographs).any(axis=-1)
    assert (result[changed] == 3).all()
    assert changed.any(axis=(1, 2)).all()
    assert changed.sum(axis=(1, 2)).max() <= 64


def test_default_is_sixteen_pixels_of_mid_grey():
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
