"""Targets: what a network is to agree with.

Pure functions of logits. No gradient flows through a target.
"""

from keras import ops


def soften(logits, temperature: float = 1.0):
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
        from kconsist.targets import soften

        probabilities = soften(ops.array([[2.0, 0.0]]), temperature=2.0)
        ```
    """
    logits = ops.stop_gradient(ops.cast(logits, "float32"))
    return ops.softmax(logits / temperature, axis=-1)


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
    confidence = ops.max(soften(logits), axis=-1)
    return hard_labels(logits), ops.cast(confidence >= threshold, "float32")
