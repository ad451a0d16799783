"""Views one after another."""

from collections import Counter

import keras
import tensorflow as tf

from kconsist.views._seeds import as_seed, fold_in
from kconsist.views.as_view import as_view
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class Compose(View):
    """Applies views in order.

    The first view of a class gets the seed of the call, so it draws what it
    draws on its own; the second and later ones of the same class get it folded
    with their number, so two of one kind draw differently. A `Compose` inside
    a `Compose` is as if its views stood there.

    Args:
        views: list of views, or of what `as_view` takes.

    Example:
        ```python
        import numpy as np
        from kconsist.views import Compose, Cutout, FlipCrop, RandAugment

        images = np.zeros((4, 32, 32, 3), "uint8")
        strong = Compose([FlipCrop(), RandAugment(), Cutout()])
        weak_images = FlipCrop()(images, seed=7)
        # Flipped and cropped like weak_images, then changed more.
        strong_images = strong(images, seed=7)
        ```
    """

    def __init__(self, views):
        if not isinstance(views, (list, tuple)):
            raise ValueError(f"views must be a list of views, got {views!r}")
        self.views = [as_view(view) for view in views]

    @property
    def parts(self):
        """The views in order, those of nested `Compose` in their place."""
        parts = []
        for view in self.views:
            parts += view.parts if isinstance(view, Compose) else [view]
        return parts

    def __call__(self, images, seed):
        """Returns the images after all views.

        Args:
            images: what the first view takes.
            seed: an int, or an int tensor of shape (2,).

        Returns:
            What the last view returns.
        """
        images = tf.convert_to_tensor(images)
        seed = as_seed(seed)
        seen = Counter()
        for part in self.parts:
            name = type(part).__name__
            occurrence = seen[name]
            seen[name] += 1
            part_seed = fold_in(seed, occurrence) if occurrence else seed
            images = part(images, part_seed)
        return images

    def get_config(self):
        """Returns the serialized views."""
        views = [keras.saving.serialize_keras_object(v) for v in self.views]
        return {**super().get_config(), "views": views}

    @classmethod
    def from_config(cls, config):
        """Returns the composition of the views in the config."""
        return cls(
            [
                view
                if isinstance(view, View)
                else keras.saving.deserialize_keras_object(view)
                for view in config["views"]
            ]
        )
