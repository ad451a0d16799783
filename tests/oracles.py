"""The formulas of the papers, as loops over examples in NumPy."""

import numpy as np


def softmax(logits, temperature=1.0):
    powers = np.exp((logits - np.max(logits)) / temperature)
    return powers / powers.sum()


def cross_entropy(logits, labels):
    """Mean of -log p(label)."""
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        total -= np.log(softmax(row)[label])
    return total / len(labels)


def divergence(teacher, student, temperature=1.0):
    """Mean of KL(teacher ‖ student), both logits at a temperature."""
    total = 0.0
    for a, b in zip(teacher, student, strict=True):
        p, q = softmax(a, temperature), softmax(b, temperature)
        for k in range(len(p)):
            total += p[k] * np.log(p[k] / q[k])
    return total / len(teacher)


def squared_error(first, second):
    """Mean over examples and classes of (p - q)², of logits."""
    total = 0.0
    for a, b in zip(first, second, strict=True):
        for p, q in zip(softmax(a), softmax(b), strict=True):
            total += (p - q) ** 2 / len(a)
    return total / len(first)


def masked_cross_entropy(weak, strong, threshold):
    """FixMatch, equation 4: the mean over all examples, kept or not."""
    total, kept = 0.0, 0
    for a, b in zip(weak, strong, strict=True):
        p = softmax(a)
        if p.max() >= threshold:
            total -= np.log(softmax(b)[p.argmax()])
            kept += 1
    return total / len(weak), kept / len(weak)
