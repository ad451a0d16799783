"""The views that the builders use where none are given."""

import tensorflow as tf

from kconsist import views
from kconsist.data import inputs


def weak_view() -> views.View:
    """Returns the weak view of the builders."""
    return views.FlipCrop()


def strong_view() -> views.View:
    """Returns the strong view of the builders."""
    return views.Compose(
        [views.FlipCrop(), views.RandAugment(), views.Cutout()]
    )


def need_views(source, **given):
    """Raises `ValueError` where a default view meets data without pixels."""
    shape = inputs.example_shape(source)
    missing = [name for name, view in given.items() if view is None]
    if missing and shape.rank is not None and shape.rank != 3:
        raise ValueError(
            f"{' and '.join(missing)} must be given for examples of shape "
            f"{shape}: the default views are for images (height, width, "
            "channels); views.Identity() leaves examples as they are"
        )


def apply_view(view, images, seed):
    """Returns `view(images, seed)`, with the batch size that `images` have."""
    seen = tf.convert_to_tensor(view(images, seed))
    if seen.shape.rank is not None:
        seen.set_shape([images.shape[0], *seen.shape[1:]])
    return seen
