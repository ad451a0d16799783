"""Targets: what a network is to agree with.

Pure functions of logits. No gradient flows through a target.
"""

from keras import ops

_TINY = 1e-30  # Keeps 0 / 0 at 0.


def soft_targets(logits, temperature: float = 1.0):
    """Returns class probabilities at a temperature, under stop-gradient.

    Args:
        logits: float tensor (batch, classes).
        temperature: positive; above 1 softens, below 1 sharpens. Defaults to
            `1.0`.

    Returns:
        float32 tensor (batch, classes), rows sum to 1.

    Example:
        ```python
        from keras import ops
        from kconsist.targets import soft_targets

        probabilities = soft_targets(ops.array([[2.0, 0.0]]), temperature=2.0)
        ```
    """
    logits = ops.stop_gradient(ops.cast(logits, "float32"))
    return ops.softmax(logits / temperature, axis=-1)


def class_indices(labels):
    """Returns labels as one class index per example.

    Args:
        labels: tensor (batch,), or (batch, 1) as `keras.datasets` gives them,
            which would broadcast against predictions of shape (batch,).

    Returns:
        Tensor (batch,), of the same dtype.

    Raises:
        ValueError: the labels have another shape, such as one-hot labels.
    """
    labels = ops.convert_to_tensor(labels)
    shape = tuple(labels.shape)
    if len(shape) == 2 and shape[-1] == 1:
        return ops.squeeze(labels, axis=-1)
    if len(shape) != 1:
        raise ValueError(
            "labels must be class indices (batch,) or (batch, 1), got shape "
            f"{shape}: of one-hot labels take the argmax"
        )
    return labels


def hard_labels(logits):
    """Returns the most probable class of each example, under stop-gradient.

    Args:
        logits: float tensor (batch, classes).

    Returns:
        int32 tensor (batch,).
    """
    return ops.argmax(ops.stop_gradient(logits), axis=-1)


def pseudo_label(logits, threshold: float):
    """Returns hard labels and a mask of the confident examples.

    FixMatch (Sohn et al. 2020), equation 4: an example counts where its
    largest probability is at or above the threshold.

    Args:
        logits: float tensor (batch, classes).
        threshold: confidence (τ) in [0, 1].

    Returns:
        int32 tensor (batch,) of classes, float32 tensor (batch,) of zeros and
        ones. No gradient flows through either.
    """
    return hard_labels(logits), confidence_mask(logits, threshold)


def confidence_mask(logits, threshold, inclusive: bool = True):
    """Returns a mask of the examples whose largest probability is high.

    Args:
        logits: float tensor (batch, classes).
        threshold: confidence in [0, 1]; a float, or a tensor (batch,) of one
            for each example.
        inclusive: an example at the threshold counts, as in FixMatch; `False`
            for UDA and TLL. Defaults to `True`.

    Returns:
        float32 tensor (batch,) of zeros and ones. No gradient flows through.
    """
    confidence = ops.max(soft_targets(logits), axis=-1)
    kept = confidence >= threshold if inclusive else confidence > threshold
    return ops.cast(kept, "float32")


def sharpen(probabilities, temperature: float = 0.5):
    """Returns p^(1/T) / Σ p^(1/T), under stop-gradient.

    In log space, so that neither small probabilities nor small temperatures
    underflow all of a row. For logits, `soft_targets` does the same.

    Args:
        probabilities: float tensor (…, classes), not all 0 in a row.
        temperature: positive (T); towards 0 the largest takes all, 1 changes
            nothing. Defaults to `0.5`.

    Returns:
        float32 tensor (…, classes), rows sum to 1. A 0 stays 0.

    Example:
        ```python
        from keras import ops
        from kconsist.targets import sharpen

        guess = sharpen(ops.array([[0.6, 0.4]]), temperature=0.5)
        ```

    Reference: MixMatch, Berthelot et al. 2019, sharpening.
    """
    p = ops.stop_gradient(ops.cast(probabilities, "float32"))
    log_p = ops.log(ops.where(p > 0, p, 1.0))
    return ops.softmax(
        ops.where(p > 0, log_p / temperature, -float("inf")), axis=-1
    )


def align(probabilities, expected, running):
    """Returns p · expected / running, rows summing to 1, under stop-gradient.

    Distribution alignment: where the network predicts a class more often than
    it should, its probabilities go down. A layer keeps `running`, see
    `kconsist.layers.DistributionAlignment`.

    Args:
        probabilities: float tensor (batch, classes).
        expected: float tensor (classes,), how often each class should occur.
        running: float tensor (classes,), how often it has been predicted.

    Returns:
        float32 tensor (batch, classes), rows sum to 1.

    Reference: ReMixMatch, Berthelot et al. 2020, distribution alignment.
    """
    p = ops.stop_gradient(ops.cast(probabilities, "float32"))
    ratio = ops.cast(expected, "float32") / ops.maximum(
        ops.cast(running, "float32"), _TINY
    )
    p = p * ops.stop_gradient(ratio)
    return p / ops.maximum(ops.sum(p, axis=-1, keepdims=True), _TINY)


def certainty_weights(logits):
    """Returns 1 + e^(-H) of each example, of mean 1, under stop-gradient.

    H is the entropy of softmax(logits) in nats, with 1e-5 added to each
    probability in its logarithm, as in the authors' code.

    Args:
        logits: float tensor (batch, classes).

    Returns:
        float32 tensor (batch,), whose mean is 1.

    Reference: Minimum Class Confusion, Jin et al. 2020, uncertainty
    reweighting.
    """
    p = soft_targets(logits)
    entropy = -ops.sum(p * ops.log(p + 1e-5), axis=-1)
    weights = 1.0 + ops.exp(-entropy)
    return weights / ops.mean(weights)


def tsa_mask(logits, labels, ceiling):
    """Returns a mask of the labeled examples that training has not learned yet.

    UDA's training-signal annealing leaves out examples whose probability of
    the true class is above a ceiling that rises during training
    (`kconsist.schedules.TrainingSignalAnnealing`), and takes the mean over
    those that it keeps.

    Args:
        logits: float tensor (batch, classes).
        labels: integer tensor (batch,) or (batch, 1).
        ceiling: probability (η) from which an example is left out; above it.

    Returns:
        float32 tensor (batch,) of zeros and ones. No gradient flows through.

    Reference: UDA, Xie et al. 2020, training signal annealing.
    """
    labels = ops.one_hot(
        class_indices(labels), logits.shape[-1], dtype="float32"
    )
    correct = ops.sum(labels * soft_targets(logits), axis=-1)
    return ops.cast(correct <= ceiling, "float32")
