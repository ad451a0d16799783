"""A compiled function from a batch of images to predictions."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kconsist import _checks
from kconsist.robustness._function_digest import function_digest
from kconsist.trainer import ConsistencyTrainer


class Predictions(NamedTuple):
    """Predictions of a network for some images.

    Attributes:
        classes: int array (examples,), the predicted class.
        confidence: float array (examples,), its probability.
        log_probability: float array (examples,), of the true class.
    """

    classes: np.ndarray
    confidence: np.ndarray
    log_probability: np.ndarray

    @classmethod
    def concatenate(cls, batches: list) -> "Predictions":
        """Returns the predictions of several batches, in their order."""
        columns = zip(*batches, strict=True)
        return cls(*(np.concatenate(list(column)) for column in columns))


class Classifier:
    """A network in inference mode, compiled for one batch size.

    Args:
        model: built `keras.Model` from images to logits or probabilities
            (batch, classes), or a trainer, whose `inference_model` is used.
        image_shape: (height, width, channels) of the uint8 images.
        num_classes: number of classes of the data.
        batch_size: size of every batch; the last one is padded.
        preprocess: callable on float32 images in 0 … 255, or `None`.
        from_logits: whether the model returns logits.
        jit_compile: whether to compile with XLA.

    Raises:
        ValueError: a model that is not built, does not accept such images, or
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
            model = model.inference_model
        _checks.built(model, "model")
        if preprocess is not None and not callable(preprocess):
            raise ValueError(
                "preprocess must be callable on a batch of images, got "
                f"{preprocess!r}"
            )
        self.model = model
        self.num_classes = num_classes
        self.batch_size = _checks.as_integer("batch_size", batch_size)
        self.preprocess = preprocess
        self.from_logits = from_logits
        self._is_checked = False
        self.function = tf.function(
            self._predict,
            input_signature=[
                tf.TensorSpec((batch_size, *image_shape), tf.uint8),
                tf.TensorSpec((batch_size,), tf.int64),
            ],
            jit_compile=jit_compile,
        )
        self._compile(image_shape)

    def __call__(self, images, labels) -> Predictions:
        """Returns the predictions for any number of images.

        Args:
            images: uint8 array (examples, height, width, channels).
            labels: int array (examples,).

        Raises:
            ValueError: the outputs of the first batch are probabilities
                instead of logits, or logits instead of probabilities.
        """
        batches = []
        for start in range(0, len(images), self.batch_size):
            rows = slice(start, start + self.batch_size)
            # A device may still be computing these; they are read at the end.
            *batch, are_probabilities = self._run(images[rows], labels[rows])
            if not self._is_checked:
                self._check_outputs(are_probabilities)
                self._is_checked = True
            batches.append(batch)
        predictions = Predictions.concatenate(batches)
        return Predictions(*(x[: len(images)] for x in predictions))

    def fingerprint(self) -> str:
        """Returns a hash of all operations and weights of the function."""
        return function_digest(self.function.get_concrete_function())

    def _check_outputs(self, are_probabilities):
        """Raises unless the outputs agree with `from_logits`."""
        if are_probabilities and self.from_logits:
            raise ValueError(
                f"model {self.model.name!r} must return logits, got "
                "probabilities (every row is in [0, 1] and sums to 1): pass "
                "from_logits=False"
            )
        if not are_probabilities and not self.from_logits:
            raise ValueError(
                f"model {self.model.name!r} must return probabilities with "
                "from_logits=False, got rows that are not in [0, 1] with sum "
                "1: pass from_logits=True"
            )

    def _run(self, images, labels):
        """Runs the compiled function on a batch, padded if necessary."""
        missing = self.batch_size - len(images)
        if missing:
            images = np.pad(images, [(0, missing)] + [(0, 0)] * 3, mode="edge")
            labels = np.pad(labels, (0, missing), mode="edge")
        return self.function(
            tf.convert_to_tensor(images), tf.convert_to_tensor(labels)
        )

    def _predict(self, images, labels):
        images = tf.cast(images, tf.float32)
        if self.preprocess is not None:
            images = self.preprocess(images)
        outputs = self.model(images, training=False)
        self._check_classes(outputs)
        outputs = tf.cast(outputs, tf.float32)
        # In half precision, a softmax sums to 1 to within a thousandth.
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
        expected = self.batch_size, self.num_classes
        if shape is None or not shape.is_compatible_with(expected):
            raise ValueError(
                f"model {self.model.name!r} must predict the "
                f"{self.num_classes} classes of the data, shape {expected} for "
                f"a batch of {self.batch_size}, got {shape or outputs}"
            )

    def _compile(self, image_shape):
        # Trace here, so that errors are raised before anything is computed.
        images = tf.zeros((self.batch_size, *image_shape))
        if self.preprocess is not None:
            # Layers create their variables outside of the graph.
            images = self.preprocess(images)
            if len(getattr(images, "shape", ())) < 1 or (
                images.shape[0] != self.batch_size
            ):
                raise ValueError(
                    "preprocess must return one image for each input image, "
                    f"{self.batch_size} here, got "
                    f"{getattr(images, 'shape', type(images).__name__)}"
                )
        try:
            self.function.get_concrete_function()
        except (TypeError, ValueError) as error:
            if "classes of the data" in str(error):
                raise
            origin = "data and preprocess" if self.preprocess else "data"
            raise ValueError(
                f"model {self.model.name!r} must accept images of shape "
                f"{tuple(images.shape[1:])} in batches of {self.batch_size}, "
                f"as given by the {origin}: {error}"
            ) from error
