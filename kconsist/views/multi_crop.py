"""Multi-crop: several views of each image, in several sizes.

Reference: SwAV, Caron et al. 2020 (https://arxiv.org/abs/2006.09882), section
3.3 and appendix A.
"""

import keras
import tensorflow as tf

from kconsist.views._seeds import as_seed, fold_in
from kconsist.views.as_view import as_view
from kconsist.views.simclr_augment import SimCLRAugment
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class MultiCrop(View):
    """Calls each view several times and returns all results as a tuple.

    Like every view it is called with images and a seed, but it returns one
    tensor per crop: first those of the first view, then those of the second,
    and so on. Crop k gets the seed of the call folded with k, so two crops by
    the same view differ. In a dictionary of views, name the crops yourself:

        large, other, *small = crops(images, seed)
        batch = {"large": large, "other": other, …}

    It can't be part of a `Compose`, whose views take and return one tensor.

    Args:
        views: list of views, or of values that `as_view` accepts. Defaults to
            SwAV's for ImageNet: `SimCLRAugment` with `strength=1.0` and
            `blur_probability=0.5`, for crops of 0.14 to 1 of the area at 224
            pixels, and of 0.05 to 0.14 at 96.
        counts: list of int >= 1, the number of crops of each view. Defaults to
            `(2, 6)`.

    Example:
        ```python
        import numpy as np
        from kconsist.views import MultiCrop, SimCLRAugment

        images = np.zeros((4, 32, 32, 3), "uint8")
        crops = MultiCrop(
            [
                SimCLRAugment(size=32, scale=(0.14, 1.0)),
                SimCLRAugment(size=16, scale=(0.05, 0.14)),
            ],
            counts=(2, 4),
        )
        results = crops(images, seed=0)
        assert [r.shape[1] for r in results] == [32, 32, 16, 16, 16, 16]
        ```
    """

    def __init__(self, views: list | None = None, counts: tuple = (2, 6)):
        if views is None:
            views = [
                SimCLRAugment(
                    size=size, scale=scale, strength=1.0, blur_probability=0.5
                )
                for size, scale in ((224, (0.14, 1.0)), (96, (0.05, 0.14)))
            ]
        if not isinstance(views, (list, tuple)) or not views:
            raise ValueError(f"views must be a list of views, got {views!r}")
        if not isinstance(counts, (list, tuple)) or len(counts) != len(views):
            raise ValueError(
                f"counts must be a list of {len(views)} ints, one per view, "
                f"got {counts!r}"
            )
        if not all(isinstance(n, int) and n >= 1 for n in counts):
            raise ValueError(f"counts must be ints >= 1, got {counts!r}")
        self.views = [as_view(view) for view in views]
        self.counts = tuple(counts)

    def __call__(self, images, seed) -> tuple:
        """Returns all crops.

        Args:
            images: input of the views.
            seed: an int, or an int tensor of shape (2,).

        Returns:
            A tuple of `sum(counts)` tensors.
        """
        images = tf.convert_to_tensor(images)
        seed = fold_in(as_seed(seed), self.key())
        repeated = [
            view
            for view, count in zip(self.views, self.counts, strict=True)
            for _ in range(count)
        ]
        return tuple(
            view(images, fold_in(seed, number))
            for number, view in enumerate(repeated)
        )

    def get_config(self) -> dict:
        """Returns the serialized views and the counts."""
        views = [keras.saving.serialize_keras_object(v) for v in self.views]
        return {
            **super().get_config(),
            "views": views,
            "counts": self.counts,
        }

    @classmethod
    def from_config(cls, config: dict) -> "MultiCrop":
        """Returns the multi-crop of the views in the config."""
        views = [
            view
            if isinstance(view, View)
            else keras.saving.deserialize_keras_object(view)
            for view in config["views"]
        ]
        return cls(views, tuple(config["counts"]))
