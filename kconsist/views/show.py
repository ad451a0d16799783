"""A plot of the effect of views."""

from typing import TYPE_CHECKING

import tensorflow as tf

from kconsist._requirements import check_installed
from kconsist.views.as_view import as_view

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show(
    images, view, seed: int = 0, columns: int = 8, rows: int = 3
) -> "Figure":
    """Plots images, and below them their views, one row per seed.

    Row r below the originals is `view(images, seed + r)`, r = 0, 1, ... A
    dictionary of views gives one row per view, with its name on the left.

    Args:
        images: uint8 tensor or array (batch, height, width, channels).
        view: a view, or a value that `as_view` accepts; or a dict of names and
            views, all of which are called with `seed`.
        seed: int, the seed of the first row of views. Defaults to `0`.
        columns: int, the number of images, taken from the start of `images`.
            Defaults to `8`.
        rows: int, the number of rows of views; not used with a dict. Defaults
            to `3`.

    Returns:
        A `matplotlib.figure.Figure`, which notebooks display and its `savefig`
        saves.

    Example:
        ```python
        import numpy as np
        from kconsist.views import FlipCrop, show

        images = np.zeros((8, 32, 32, 3), "uint8")
        figure = show(images, FlipCrop(), columns=4)
        ```
    """
    check_installed("matplotlib", "show()")
    from matplotlib import pyplot

    images = tf.convert_to_tensor(images)
    if images.shape.rank != 4 or images.dtype != tf.uint8:
        raise ValueError(
            "show expects uint8 images of shape (batch, height, width, "
            f"channels), got {images.dtype.name} of shape {images.shape}"
        )
    images = images[:columns]
    if isinstance(view, dict):
        names = ["original", *view]
        pictures = [as_view(v)(images, seed) for v in view.values()]
    else:
        view, names = as_view(view), [""] * (rows + 1)
        pictures = [view(images, seed + row) for row in range(rows)]
    pictures = [images, *pictures]
    # In inches: images are 1 x 1, and a letter of a name is 0.1 wide.
    margin = max(map(len, names)) * 0.1
    width = len(images) + margin
    figure, grid = pyplot.subplots(
        len(pictures),
        len(images),
        figsize=(width, len(pictures)),
        squeeze=False,
        gridspec_kw={
            "wspace": 0.05,
            "hspace": 0.05,
            "left": margin / width,
            "right": 1,
            "bottom": 0,
            "top": 1,
        },
    )
    for axes_row, name in zip(grid, names, strict=True):
        axes_row[0].text(
            -0.1,
            0.5,
            name,
            transform=axes_row[0].transAxes,
            horizontalalignment="right",
            verticalalignment="center",
        )
    for axes_row, picture_row in zip(grid, pictures, strict=True):
        for axes, picture in zip(axes_row, picture_row, strict=True):
            picture = picture.numpy()
            if picture.shape[-1] == 1:
                picture = picture[..., 0]
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
    pyplot.close(figure)
    return figure
