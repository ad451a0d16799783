"""Composition of views."""

from collections import Counter

import keras
import tensorflow as tf

from kconsist.views._seeds import as_seed, fold_in
from kconsist.views.as_view import as_view
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class Compose(View):
    """Applies views one after another.

    The first view of each class gets the seed of the call, so it samples what
    it samples outside the composition. Later views of the same class get that
    seed folded with their number, so two of one class sample independently.
    Nested compositions are flattened.

    Args:
        views: list of views, or of values that `as_view` accepts.

    Example:
        ```python
        import numpy as np
        from kconsist.views import Compose, Cutout, FlipCrop, RandAugment

        images = np.zeros((4, 32, 32, 3), "uint8")
        strong = Compose([FlipCrop(), RandAugment(), Cutout()])
        weak_images = FlipCrop()(images, seed=7)
        # The same flips and crops as in weak_images, then stronger changes.
        strong_images = strong(images, seed=7)
        ```
    """

    def __init__(self, views: list):
        if not isinstance(views, (list, tuple)):
            raise ValueError(f"views must be a list of views, got {views!r}")
        self.views = [as_view(view) for view in views]

    @property
    def flat_views(self) -> list[View]:
        """The views in order, with nested compositions flattened."""
        flat = []
        for view in self.views:
            flat += view.flat_views if isinstance(view, Compose) else [view]
        return flat

    def __call__(self, images, seed):
        """Returns the images after all views.

        Args:
            images: input of the first view.
            seed: an int, or an int tensor of shape (2,).

        Returns:
            The output of the last view.
        """
        images = tf.convert_to_tensor(images)
        seed = as_seed(seed)
        counts = Counter()
        for view in self.flat_views:
            name = type(view).__name__
            occurrence = counts[name]
            counts[name] += 1
            view_seed = fold_in(seed, occurrence) if occurrence else seed
            images = view(images, view_seed)
        return images

    def get_config(self) -> dict:
        """Returns the serialized views."""
        views = [keras.saving.serialize_keras_object(v) for v in self.views]
        return {**super().get_config(), "views": views}

    @classmethod
    def from_config(cls, config: dict) -> "Compose":
        """Returns the composition of the views in the config."""
        return cls(
            [
                view
                if isinstance(view, View)
                else keras.saving.deserialize_keras_object(view)
                for view in config["views"]
            ]
        )
