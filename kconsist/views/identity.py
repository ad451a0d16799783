"""The view that returns its input."""

import keras
import tensorflow as tf

from kconsist.views.view import View


@keras.saving.register_keras_serializable(package="kconsist")
class Identity(View):
    """Returns the images, or any other tensor, unchanged.

    Example:
        ```python
        import numpy as np
        from kconsist.views import Identity

        images = np.zeros((4, 32, 32, 3), "uint8")
        same = Identity()(images, seed=0)
        ```
    """

    @tf.autograph.experimental.do_not_convert
    def check(self, images):
        """Accepts any tensor."""

    def transform(self, images, seed):
        """Returns `images`, (batch, height, width, channels)."""
        return images
