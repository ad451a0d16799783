"""Training targets: soft and hard labels, confidence masks, weights.

Pure functions of predictions. No gradient flows through a target.
"""

from keras import ops

_TINY = 1e-30  # So that 0 / 0 is 0.


def soft_targets(logits, temperature: float = 1.0):
    """Returns class probabilities at a temperature, under stop-gradient.

    Args:
        logits: float tensor (batch, classes).
        temperature: positive; above 1 softens, below 1 sharpens. Defaults to
            `1.0`.

    Returns:
        float32 tensor (batch, classes), whose rows sum to 1.

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
        labels: tensor (batch,), or (batch, 1) as in `keras.datasets`, which
            would broadcast against predictions of shape (batch,).

    Returns:
        Tensor (batch,) of the same dtype.

    Raises:
        ValueError: the labels have another shape, for example one-hot labels.
    """
    labels = ops.convert_to_tensor(labels)
    shape = tuple(labels.shape)
    if len(shape) == 2 and shape[-1] == 1:
        return ops.squeeze(labels, axis=-1)
    if len(shape) != 1:
        raise ValueError(
            "labels must be class indices (batch,) or (batch, 1), got shape "
            f"{shape}: convert one-hot labels with argmax"
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

    As in FixMatch (Sohn et al. 2020), equation 4, an example is confident if
    its largest probability is at or above the threshold.

    Args:
        logits: float tensor (batch, classes).
        threshold: confidence (τ) in [0, 1].

    Returns:
        int32 tensor (batch,) of classes, and the mask, a float32 tensor
        (batch,) of zeros and ones. No gradient flows through either.
    """
    return hard_labels(logits), confidence_mask(logits, threshold)


def confidence_mask(logits, threshold, inclusive: bool = True):
    """Returns a mask of the examples predicted with high confidence.

    Args:
        logits: float tensor (batch, classes).
        threshold: confidence in [0, 1]; a float, or a tensor (batch,) with one
            threshold per example.
        inclusive: count examples whose largest probability equals the
            threshold, as in FixMatch; UDA and TLL do not (`False`). Defaults to
            `True`.

    Returns:
        float32 tensor (batch,) of zeros and ones. No gradient flows through it.
    """
    confidence = ops.max(soft_targets(logits), axis=-1)
    mask = confidence >= threshold if inclusive else confidence > threshold
    return ops.cast(mask, "float32")


def sharpen(probabilities, temperature: float = 0.5):
    """Returns p^(1/T) / Σ p^(1/T), under stop-gradient.

    Computed in log space, so that neither small probabilities nor low
    temperatures underflow a whole row. For logits, use `soft_targets`.

    Args:
        probabilities: float tensor (…, classes); no row may be all zeros.
        temperature: positive (T); near 0 the result approaches one-hot, at 1
            it equals the input. Defaults to `0.5`.

    Returns:
        float32 tensor (…, classes), whose rows sum to 1. Zeros stay zero.

    Example:
        ```python
        from keras import ops
        from kconsist.targets import sharpen

        sharpened = sharpen(ops.array([[0.6, 0.4]]), temperature=0.5)
        ```

    Reference: MixMatch, Berthelot et al. 2019, sharpening.
    """
    p = ops.stop_gradient(ops.cast(probabilities, "float32"))
    log_p = ops.log(ops.where(p > 0, p, 1.0))
    return ops.softmax(
        ops.where(p > 0, log_p / temperature, -float("inf")), axis=-1
    )


def align(probabilities, expected, running):
    """Returns p · expected / running, rows scaled to sum to 1.

    Distribution alignment lowers the probability of classes that the network
    predicts too often. `kconsist.layers.DistributionAlignment` tracks
    `running`.

    Args:
        probabilities: float tensor (batch, classes).
        expected: float tensor (classes,), expected frequency of each class.
        running: float tensor (classes,), recent mean of the predictions.

    Returns:
        float32 tensor (batch, classes), whose rows sum to 1. No gradient flows
        through it.

    Reference: ReMixMatch, Berthelot et al. 2020, distribution alignment.
    """
    p = ops.stop_gradient(ops.cast(probabilities, "float32"))
    ratio = ops.cast(expected, "float32") / ops.maximum(
        ops.cast(running, "float32"), _TINY
    )
    p = p * ops.stop_gradient(ratio)
    return p / ops.maximum(ops.sum(p, axis=-1, keepdims=True), _TINY)


def certainty_weights(logits):
    """Returns weights proportional to 1 + e^(-H), larger for certain examples.

    H is the entropy of softmax(logits) in nats, with 1e-5 added to each
    probability inside the logarithm, as in the authors' code.

    Args:
        logits: float tensor (batch, classes).

    Returns:
        float32 tensor (batch,), scaled to mean 1. No gradient flows through it.

    Reference: Minimum Class Confusion, Jin et al. 2020, uncertainty
    reweighting.
    """
    p = soft_targets(logits)
    entropy = -ops.sum(p * ops.log(p + 1e-5), axis=-1)
    weights = 1.0 + ops.exp(-entropy)
    return weights / ops.mean(weights)


def tsa_mask(logits, labels, ceiling):
    """Returns a mask of the labeled examples that training still uses.

    UDA's training signal annealing excludes examples whose probability of the
    true class is above a ceiling. The ceiling rises during training
    (`kconsist.schedules.TrainingSignalAnnealing`). The loss is the mean over
    the remaining examples.

    Args:
        logits: float tensor (batch, classes).
        labels: integer tensor (batch,) or (batch, 1).
        ceiling: highest probability (η) of the true class at which an example
            is still used.

    Returns:
        float32 tensor (batch,) of zeros and ones. No gradient flows through it.

    Reference: UDA, Xie et al. 2020, training signal annealing.
    """
    labels = ops.one_hot(
        class_indices(labels), logits.shape[-1], dtype="float32"
    )
    correct = ops.sum(labels * soft_targets(logits), axis=-1)
    return ops.cast(correct <= ceiling, "float32")
