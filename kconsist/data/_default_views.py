"""Default views of the pipelines."""

import tensorflow as tf

from kconsist import views
from kconsist.data import _inputs


def as_weak_view(view=None) -> views.View:
    """Returns a view, by default `FlipCrop`."""
    return views.FlipCrop() if view is None else views.as_view(view)


def as_strong_view(view=None) -> views.View:
    """Returns a view, by default `FlipCrop`, `RandAugment`, `Cutout`."""
    if view is not None:
        return views.as_view(view)
    return views.Compose(
        [views.FlipCrop(), views.RandAugment(), views.Cutout()]
    )


def require_views(source, **given) -> None:
    """Raises `ValueError` if a default view would get examples without pixels.

    Args:
        source: standardized source.
        **given: views by argument name, `None` for a default.
    """
    shape = _inputs.image_shape(source)
    missing = [name for name, view in given.items() if view is None]
    if missing and shape.rank is not None and shape.rank != 3:
        raise ValueError(
            f"{' and '.join(missing)} must be given for examples of shape "
            f"{shape}: the default views are for images (height, width, "
            "channels); views.Identity() leaves examples as they are"
        )


def apply_view(view, images, seed):
    """Returns `view(images, seed)` with the static batch size of `images`."""
    viewed = tf.convert_to_tensor(view(images, seed))
    if viewed.shape.rank is not None:
        viewed.set_shape([images.shape[0], *viewed.shape[1:]])
    return viewed
