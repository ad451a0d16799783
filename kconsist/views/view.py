"""The interface of a view, and what turns other things into one.

A view changes a batch of images at random, every image on its own, and takes
the randomness as an argument: same seed, same pixels, in any order and on any
number of threads.
"""

import zlib

import tensorflow as tf

from kconsist.views._seeds import as_seed, fold_in

SMALLEST_SIDE = 8


class View:
    """A random change of images that is a function of images and seed.

    Subclasses write `transform`. Calling a view checks the input, gives one
    image a batch axis for the time of the call, and keys the seed by the name
    of the view's class. So `FlipCrop()` draws the same flips and crops on its
    own as inside a `Compose` that is called with the same seed; this is how
    two views of an image share their geometry.

    Example:
        ```python
        import keras
        import numpy as np
        import tensorflow as tf
        from kconsist.views import View

        @keras.saving.register_keras_serializable(package="mine")
        class Mirror(View):
            def transform(self, images, seed):
                drawn = tf.random.stateless_uniform((len(images),), seed)
                mirrored = tf.reverse(images, axis=[2])
                return tf.where(
                    drawn[:, None, None, None] < 0.5, mirrored, images
                )

        images = np.zeros((4, 32, 32, 3), "uint8")
        view = Mirror()(images, seed=0)
        ```
    """

    # The rank of a batch; an input of one less is a single example.
    batch_rank = 4

    def __call__(self, images, seed):
        """Returns the view of images.

        Args:
            images: uint8 tensor or array (batch, height, width, channels), or
                one image (height, width, channels). Height and width are at
                least 8; channels is 1 or 3.
            seed: an int, or an int tensor of shape (2,).

        Returns:
            A uint8 tensor of the rank of `images`.
        """
        images = tf.convert_to_tensor(images)
        self.check(images)
        seed = fold_in(as_seed(seed), self.key())
        if images.shape.rank == self.batch_rank:
            return self.transform(images, seed)
        return self.transform(images[None], seed)[0]

    def transform(self, images, seed):
        """Returns the view of a batch.

        Args:
            images: uint8 tensor (batch, height, width, channels).
            seed: int tensor (2,), keyed by the class already.

        Returns:
            A uint8 tensor (batch, new height, new width, channels).
        """
        raise NotImplementedError(
            f"{type(self).__name__} must write transform(images, seed)"
        )

    @tf.autograph.experimental.do_not_convert
    def check(self, images):
        """Raises ValueError where `images` is not what the view takes."""
        name = type(self).__name__
        shape = images.shape
        if shape.rank not in (3, 4):
            raise ValueError(
                f"{name} expects images of shape (batch, height, width, "
                "channels) or one image (height, width, channels), got shape "
                f"{shape}"
            )
        if images.dtype != tf.uint8:
            raise ValueError(
                f"{name} expects uint8 images with values 0 to 255, got "
                f"{images.dtype.name}; views come before normalization"
            )
        height, width, channels = shape[-3:]
        if channels not in (1, 3):
            raise ValueError(
                f"{name} expects 1 or 3 channels, last, got {channels} in "
                f"shape {shape}"
            )
        if min(height or SMALLEST_SIDE, width or SMALLEST_SIDE) < SMALLEST_SIDE:
            raise ValueError(
                f"{name} expects height and width of at least "
                f"{SMALLEST_SIDE}, got {height} and {width} in shape {shape}"
            )

    def key(self):
        """Returns the int that the class's name stands for in seeds."""
        return zlib.crc32(type(self).__name__.encode())

    def get_config(self):
        """Returns the arguments of `__init__`, a dict."""
        return {}

    @classmethod
    def from_config(cls, config):
        """Returns the view that has this config."""
        return cls(**config)

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self.get_config() == other.get_config()

    def __hash__(self):
        return hash(repr(self))

    def __repr__(self):
        arguments = ", ".join(
            f"{name}={getattr(self, name)!r}" for name in self.get_config()
        )
        return f"{type(self).__name__}({arguments})"
