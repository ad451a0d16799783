"""The plot of a view."""

import sys

import numpy as np
import pytest

from kconsist.views import FlipCrop, show


@pytest.mark.parametrize("name", ["photographs", "digits"])
def test_plots_originals_and_one_row_per_seed(name, request):
    pytest.importorskip("matplotlib")
    images = request.getfixturevalue(name)
    figure = show(images, FlipCrop(), seed=5, columns=6, rows=2)
    assert len(figure.axes) == 3 * 6
    plotted = [axes.images[0].get_array() for axes in figure.axes]
    expected = [images[:6]]
    expected += [FlipCrop()(images[:6], seed) for seed in (5, 6)]
    expected = np.concatenate(expected)
    if name == "digits":
        expected = expected[..., 0]
    np.testing.assert_array_equal(np.stack(plotted), expected)


def test_plots_one_named_row_per_view_of_a_dictionary(photographs):
    pytest.importorskip("matplotlib")
    views = {"weak": FlipCrop(), "none": None}
    figure = show(photographs, views, seed=5, columns=3)
    assert len(figure.axes) == 3 * 3
    plotted = [axes.images[0].get_array() for axes in figure.axes]
    images = photographs[:3]
    expected = np.concatenate([images, FlipCrop()(images, 5), images])
    np.testing.assert_array_equal(np.stack(plotted), expected)
    names = [axes.texts[0].get_text() for axes in figure.axes[::3]]
    assert names == ["original", "weak", "none"]


def test_fewer_images_than_columns(photographs):
    pytest.importorskip("matplotlib")
    assert len(show(photographs[:2], None).axes) == 4 * 2


def test_without_matplotlib_the_error_says_what_to_install(
    photographs, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="show.. needs matplotlib"):
        show(photographs, FlipCrop())


@pytest.mark.parametrize(
    "images",
    [np.zeros((32, 32, 3), "uint8"), np.zeros((2, 32, 32, 3), "float32")],
)
def test_bad_images_are_an_error(images):
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match="show expects uint8 images"):
        show(images, FlipCrop())
