"""The base class of views.

A view changes each image of a batch at random and independently, and takes the
seed as an argument: the same seed gives the same pixels, in any order and on
any number of threads.
"""

import zlib

import tensorflow as tf

from kconsist.views._seeds import as_seed, fold_in

MIN_SIZE = 8


class View:
    """A random transformation of images, a function of images and a seed.

    Subclasses implement `transform`. Calling a view checks the input, adds a
    batch axis to a single image and removes it again, and folds the name of
    the class into the seed. So `FlipCrop()` samples the same flips and crops on
    its own as inside a `Compose` that is called with the same seed. This is
    how two views of an image share their geometry.

    Example:
        ```python
        import keras
        import numpy as np
        import tensorflow as tf
        from kconsist.views import View

        @keras.saving.register_keras_serializable(package="mine")
        class Mirror(View):
            def transform(self, images, seed):
                uniform = tf.random.stateless_uniform((len(images),), seed)
                flip = uniform[:, None, None, None] < 0.5
                return tf.where(flip, tf.reverse(images, axis=[2]), images)

        images = np.zeros((4, 32, 32, 3), "uint8")
        view = Mirror()(images, seed=0)
        ```
    """

    # The rank of a batch; an input of one rank less is a single example.
    batch_rank = 4

    def __call__(self, images, seed):
        """Returns the view of images.

        Args:
            images: uint8 tensor or array (batch, height, width, channels), or
                one image (height, width, channels). Height and width must be
                at least 8, channels 1 or 3.
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
            seed: int tensor (2,), with the class name folded in.

        Returns:
            A uint8 tensor (batch, new height, new width, channels).
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement transform(images, seed)"
        )

    @tf.autograph.experimental.do_not_convert
    def check(self, images):
        """Raises ValueError if the view can't be applied to `images`."""
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
                f"{images.dtype.name}; apply views before normalization"
            )
        height, width, channels = shape[-3:]
        if channels not in (1, 3):
            raise ValueError(
                f"{name} expects 1 or 3 channels in the last axis, got "
                f"{channels} in shape {shape}"
            )
        if min(height or MIN_SIZE, width or MIN_SIZE) < MIN_SIZE:
            raise ValueError(
                f"{name} expects height and width of at least "
                f"{MIN_SIZE}, got {height} and {width} in shape {shape}"
            )

    def key(self) -> int:
        """Returns a hash of the class name, folded into the seed."""
        return zlib.crc32(type(self).__name__.encode())

    def get_config(self) -> dict:
        """Returns the arguments of `__init__`."""
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "View":
        """Returns a view with the arguments in the config."""
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
