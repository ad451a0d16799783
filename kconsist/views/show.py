"""A picture of what a view does."""

import tensorflow as tf

from kconsist._requirements import check_installed
from kconsist.views.as_view import as_view


def show(images, view, seed=0, columns=8, rows=3):
    """Draws images, and below them the view of each, a row for each seed.

    Row r below the originals is `view(images, seed + r)`, r = 0, 1, ...; of a
    dictionary of views each is one row, with its name on the left.

    Args:
        images: uint8 tensor or array (batch, height, width, channels).
        view: a view, or what `as_view` takes; or a dict of names and views,
            which are all called with `seed`.
        seed: int, the seed of the first row of views. Defaults to `0`.
        columns: int, how many images to take from the start of `images`.
            Defaults to `8`.
        rows: int, how many rows of views; not used with a dict. Defaults to
            `3`.

    Returns:
        A `matplotlib.figure.Figure`, to be shown by a notebook or saved by its
        `savefig`.

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
    # Inches: an image is one high and wide, a letter of a name a tenth wide.
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
    for line, name in zip(grid, names, strict=True):
        line[0].text(
            -0.1,
            0.5,
            name,
            transform=line[0].transAxes,
            horizontalalignment="right",
            verticalalignment="center",
        )
    for line, row in zip(grid, pictures, strict=True):
        for axes, picture in zip(line, row, strict=True):
            picture = picture.numpy()
            if picture.shape[-1] == 1:
                picture = picture[..., 0]
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
    pyplot.close(figure)
    return figure
