"""One compiled function from a batch of images to the answers about them."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kconsist import _checks
from kconsist.data.inputs import whole_number
from kconsist.robustness.function_digest import function_digest
from kconsist.trainer import ConsistencyTrainer


class Answers(NamedTuple):
    """What a network says about some images.

    Attributes:
        classes: int array (examples,), the most probable class.
        confidence: float array (examples,), its probability.
        log_probability: float array (examples,), that of the true class.
    """

    classes: np.ndarray
    confidence: np.ndarray
    log_probability: np.ndarray

    @classmethod
    def concatenate(cls, parts):
        """Returns the answers of several batches, in their order."""
        columns = zip(*parts, strict=True)
        return cls(*(np.concatenate(list(column)) for column in columns))


class Classifier:
    """A network in inference mode, compiled once for one size of batch.

    Args:
        model: built `keras.Model` from images to logits or probabilities
            (batch, classes); of a `ConsistencyTrainer`, its `predictor`.
        image_shape: (height, width, channels) of the uint8 images.
        num_classes: number of classes of the data.
        batch_size: the size of every batch; the last one is filled up.
        preprocess: callable on float32 images in 0 … 255, or `None`.
        from_logits: whether the model ends in logits.
        jit_compile: whether to compile by XLA.

    Raises:
        ValueError: a model that is not built, does not take such images, or
            has another number of classes than the data.
    """

    def __init__(
        self,
        model,
        image_shape,
        num_classes,
        *,
        batch_size,
        preprocess,
        from_logits,
        jit_compile,
    ):
        if isinstance(model, ConsistencyTrainer):
            model = model.predictor
        _checks.built(model, "model")
        if preprocess is not None and not callable(preprocess):
            raise ValueError(
                "preprocess must be callable on a batch of images, got "
                f"{preprocess!r}"
            )
        self.model = model
        self.num_classes = num_classes
        self.batch_size = whole_number("batch_size", batch_size)
        self.preprocess = preprocess
        self.from_logits = from_logits
        self.function = tf.function(
            self._answer,
            input_signature=[
                tf.TensorSpec((batch_size, *image_shape), tf.uint8),
                tf.TensorSpec((batch_size,), tf.int64),
            ],
            jit_compile=jit_compile,
        )
        self._compile(image_shape)

    def __call__(self, images, labels) -> Answers:
        """Returns the answers about any number of images.

        Args:
            images: uint8 array (examples, height, width, channels).
            labels: int array (examples,).
        """
        parts = []
        for start in range(0, len(images), self.batch_size):
            rows = slice(start, start + self.batch_size)
            # A device may still be at work on these: they are read at the end.
            parts.append(self._batch(images[rows], labels[rows])[:3])
        answers = Answers.concatenate(parts)
        return Answers(*(column[: len(images)] for column in answers))

    def check(self, images, labels) -> None:
        """Checks on a batch that the outputs are what they are said to be.

        Args:
            images: uint8 array (examples, …) with at most a batch of images.
            labels: int array (examples,).

        Raises:
            ValueError: probabilities where logits are said to be, or logits
                where probabilities are.
        """
        *_, distributions = self._batch(images, labels)
        if distributions and self.from_logits:
            raise ValueError(
                f"model {self.model.name!r} must return logits, and its "
                "outputs are probabilities: every row is in [0, 1] and sums to "
                "1; pass from_logits=False"
            )
        if not distributions and not self.from_logits:
            raise ValueError(
                f"model {self.model.name!r} must return probabilities with "
                "from_logits=False, and the rows of its outputs are not in "
                "[0, 1] with sum 1; pass from_logits=True"
            )

    def fingerprint(self) -> str:
        """Returns a hash of the weights and of all operations on an image."""
        return function_digest(self.function.get_concrete_function())

    def _batch(self, images, labels):
        missing = self.batch_size - len(images)
        if missing:
            images = np.pad(images, [(0, missing)] + [(0, 0)] * 3, mode="edge")
            labels = np.pad(labels, (0, missing), mode="edge")
        return self.function(
            tf.convert_to_tensor(images), tf.convert_to_tensor(labels)
        )

    def _answer(self, images, labels):
        images = tf.cast(images, tf.float32)
        if self.preprocess is not None:
            images = self.preprocess(images)
        outputs = self.model(images, training=False)
        self._check_classes(outputs)
        outputs = tf.cast(outputs, tf.float32)
        # In half precision a softmax sums to 1 within a thousandth.
        in_range = tf.reduce_all((outputs >= 0) & (outputs <= 1.005), -1)
        sums = tf.reduce_sum(outputs, -1)
        is_distribution = in_range & (tf.abs(sums - 1) < 5e-3)
        if self.from_logits:
            logs = tf.nn.log_softmax(outputs)
        else:
            logs = tf.math.log(tf.maximum(outputs, 1e-37))
            logs = tf.where(is_distribution[:, None], logs, float("nan"))
        return (
            tf.argmax(outputs, -1, output_type=tf.int32),
            tf.exp(tf.reduce_max(logs, -1)),
            tf.gather(logs, labels, batch_dims=1),
            tf.reduce_all(is_distribution),
        )

    def _check_classes(self, outputs):
        shape = getattr(outputs, "shape", None)
        wanted = self.batch_size, self.num_classes
        if shape is None or not shape.is_compatible_with(wanted):
            raise ValueError(
                f"model {self.model.name!r} must predict the "
                f"{self.num_classes} classes of the data, shape {wanted} for "
                f"a batch of {self.batch_size}, got {shape or outputs}"
            )

    def _compile(self, image_shape):
        # Traced here, so that nothing is computed before an error is known.
        images = tf.zeros((self.batch_size, *image_shape))
        if self.preprocess is not None:
            # Layers make their variables outside of the graph.
            images = self.preprocess(images)
            if len(getattr(images, "shape", ())) < 1 or (
                images.shape[0] != self.batch_size
            ):
                raise ValueError(
                    "preprocess must return one image for each that it is "
                    f"given, {self.batch_size} here, got "
                    f"{getattr(images, 'shape', type(images).__name__)}"
                )
        try:
            self.function.get_concrete_function()
        except (TypeError, ValueError) as error:
            if "classes of the data" in str(error):
                raise
            raise ValueError(
                f"model {self.model.name!r} must take images of shape "
                f"{tuple(images.shape[1:])} in batches of {self.batch_size}, "
                f"which the data{' and preprocess' if self.preprocess else ''} "
                f"give: {error}"
            ) from error
