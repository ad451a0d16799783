"""Random displacement of points, the view for data other than images."""

import keras
import tensorflow as tf

from kconsist.views._seeds import split_seed
from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class Jitter(View):
    """Moves each point by a random vector.

    This view takes float points (batch, dimensions), not images. Give exactly
    one of the arguments. With `std` the vector is Gaussian. With `radius` it is
    uniform in the ball of that radius: it never crosses a gap between clusters
    that is wider than the radius.

    Args:
        radius: float > 0, the radius of the ball. Defaults to `None`.
        std: float > 0, the standard deviation of each coordinate. Defaults to
            `None`.

    Example:
        ```python
        import numpy as np
        from kconsist.views import Jitter

        points = np.zeros((100, 2), "float32")
        moved = Jitter(radius=0.1)(points, seed=0)
        ```
    """

    batch_rank = 2

    def __init__(self, radius: float | None = None, std: float | None = None):
        if (radius is None) == (std is None):
            raise ValueError(
                "exactly one of radius and std must be given, got "
                f"radius={radius} and std={std}"
            )
        if not (radius or 0) > 0 and not (std or 0) > 0:
            raise ValueError(
                f"radius or std must be > 0, got radius={radius} and std={std}"
            )
        self.radius = radius
        self.std = std

    @tf.autograph.experimental.do_not_convert
    def transform(self, images, seed):
        """Returns the moved points.

        Args:
            images: float tensor (batch, dimensions), the points.
            seed: int tensor (2,).

        Returns:
            A float tensor (batch, dimensions).
        """
        shape, dtype = tf.shape(images), images.dtype
        normal_seed, length_seed = split_seed(seed, 2)
        vectors = tf.random.stateless_normal(shape, normal_seed, dtype=dtype)
        if self.std is not None:
            return images + self.std * vectors
        # In a ball, length ** dimensions is uniform.
        lengths = tf.random.stateless_uniform(
            (shape[0], 1), length_seed, dtype=dtype
        )
        lengths = lengths ** (1.0 / tf.cast(shape[1], dtype))
        directions = tf.math.l2_normalize(vectors, axis=1)
        return images + self.radius * lengths * directions

    @tf.autograph.experimental.do_not_convert
    def check(self, images):
        """Raises ValueError unless `images` are float points."""
        if images.shape.rank not in (1, 2) or not images.dtype.is_floating:
            raise ValueError(
                "Jitter expects float points of shape (batch, dimensions) or "
                f"one point (dimensions,), got {images.dtype.name} of shape "
                f"{images.shape}"
            )

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "radius": self.radius, "std": self.std}
