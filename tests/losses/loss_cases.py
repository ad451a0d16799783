"""All losses, with small inputs and an oracle written as loops in NumPy.

An oracle takes the inputs twice: `live`, through which gradient flows, and
`frozen`, the same values where the paper stops the gradient. Its finite
differences in `live` are the expected gradient of the loss.
"""

import dataclasses
import math

import keras
import numpy as np
from oracles import softmax

from kconsist import losses

BATCH, CLASSES = 8, 4


@dataclasses.dataclass(frozen=True)
class Case:
    """One loss.

    Attributes:
        loss: the loss, called with all inputs.
        oracle: function of `live` and `frozen` inputs; returns the reduced
            value.
        inputs: function of a random generator; returns the tuple of inputs.
        gradient_inputs: positions of the inputs that receive a gradient.
    """

    loss: keras.losses.Loss
    oracle: object
    inputs: object
    gradient_inputs: tuple


def normal(*shapes, scale=2.0):
    return lambda rng: tuple(
        rng.normal(0, scale, shape).astype("float32") for shape in shapes
    )


def probabilities(count):
    def make(rng):
        logits = rng.normal(0, 2, (count, BATCH, CLASSES))
        rows = [[softmax(row) for row in view] for view in logits]
        return tuple(np.array(rows, "float32"))

    return make


def triplets(rng):
    # Each label occurs once in each half of the batch.
    labels = np.tile(np.arange(BATCH // 2), 2)
    return (*normal((BATCH, 5), (BATCH, 5), scale=1.0)(rng), labels)


def confidence(threshold):
    def oracle(live, frozen):
        total = 0.0
        for y, target in zip(live[0], frozen[-1], strict=True):
            p = softmax(target)
            if p.max() > threshold:
                total -= math.log(softmax(y)[p.argmax()])
        return total / len(live[0])

    return oracle


def distance_over_classes(divisor):
    def oracle(live, frozen):
        total = 0.0
        for p, q in zip(*live, strict=True):
            for k in range(len(p)):
                total += (p[k] - q[k]) ** 2 / divisor
        return total / len(live[0])

    return oracle


def class_balance(live, frozen):
    total, size = 0.0, live[0].shape[1]
    for k in range(size):
        p = sum(row[k] for row in live[0]) / len(live[0])
        total -= math.log(p) / size + math.log(1 - p) * (1 - 1 / size)
    return total / size


def strong_weak(threshold, strong_temperature, weak_temperature, over_all):
    def oracle(live, frozen):
        total, confident = 0.0, 0
        for strong, weak in zip(live[0], frozen[1], strict=True):
            if softmax(weak).max() <= threshold:
                continue
            confident += 1
            p = softmax(weak, weak_temperature)
            q = softmax(strong, strong_temperature)
            for k in range(len(p)):
                total += p[k] * math.log(p[k] / q[k])
        return total / (len(live[0]) if over_all else max(confident, 1))

    return oracle


def class_confusion(temperature):
    def oracle(live, frozen):
        rows = [softmax(row, temperature) for row in live[0]]
        certainty = []
        for row in frozen[0]:
            p = softmax(row, temperature)
            entropy = -sum(x * math.log(x + 1e-5) for x in p)
            certainty.append(1 + math.exp(-entropy))
        size, total = len(rows[0]), 0.0
        for i in range(size):
            row = [
                sum(
                    len(rows) * w / sum(certainty) * p[i] * p[j]
                    for p, w in zip(rows, certainty, strict=True)
                )
                for j in range(size)
            ]
            total += (sum(row) - row[i]) / sum(row)
        return total / size

    return oracle


def soft_triplet(margin, normalize):
    def maybe_normalize(x):
        return x / math.sqrt(sum(x**2)) if normalize else x

    def distance(features, i, j):
        difference = maybe_normalize(features[i]) - maybe_normalize(features[j])
        return math.sqrt(sum(difference**2))

    def oracle(live, frozen):
        labels, total = live[2], 0.0
        batch = range(len(labels))
        for i in batch:
            same = [j for j in batch if labels[j] == labels[i]]
            other = [j for j in batch if labels[j] != labels[i]]
            positive = max(same, key=lambda j: distance(frozen[0], i, j))
            negative = min(other, key=lambda j: distance(frozen[0], i, j))
            pair = [distance(live[0], i, j) for j in (positive, negative)]
            target = [margin, 1 - (margin or 0.0)]
            if margin is None:
                reference = [
                    distance(frozen[1], i, j) for j in (positive, negative)
                ]
                target = softmax(np.array(reference))
            total -= sum(target * np.log(softmax(np.array(pair))))
        return total / len(labels)

    return oracle


def soft_cross_entropy(live, frozen):
    total = 0.0
    for y, label in zip(live[0], frozen[1], strict=True):
        p, q = softmax(label), softmax(y)
        total -= sum(p[k] * math.log(q[k]) for k in range(len(p)))
    return total / len(live[0])


def labels_and_logits(rng):
    labels = rng.integers(0, CLASSES, BATCH)
    return labels, *normal((BATCH, CLASSES))(rng)


def smoothed_cross_entropy(smoothing):
    def oracle(live, frozen):
        total = 0.0
        for label, y in zip(frozen[0], live[1], strict=True):
            q = softmax(y)
            for k in range(len(q)):
                target = smoothing / len(q) + (1 - smoothing) * (k == label)
                total -= target * math.log(q[k])
        return total / len(live[1])

    return oracle


def worst_case(weight):
    def oracle(live, frozen):
        labeled = unlabeled = 0.0
        for main, worst in zip(frozen[0], live[1], strict=True):
            labeled -= math.log(softmax(worst)[main.argmax()])
        for main, worst in zip(frozen[2], live[3], strict=True):
            p = softmax(worst)[main.argmax()]
            unlabeled -= math.log(min(1 - p + 1e-6, 1))
        return weight * labeled / len(live[1]) + unlabeled / len(live[3])

    return oracle


def entropy(live, frozen):
    total = 0.0
    for row in live[0]:
        total -= sum(p * math.log(p) for p in softmax(row))
    return total / len(live[0])


LOGITS = (BATCH, CLASSES)
PAIR = normal(LOGITS, LOGITS)
CASES = {
    "confidence": Case(
        losses.ConfidenceBasedSelfTrainingLoss(0.7),
        confidence(0.7),
        PAIR,
        gradient_inputs=(0,),
    ),
    "consistency": Case(
        losses.ConsistencyLoss(keras.losses.MeanSquaredError(reduction=None)),
        distance_over_classes(CLASSES),
        probabilities(2),
        gradient_inputs=(0, 1),
    ),
    "l2_consistency": Case(
        losses.L2ConsistencyLoss(),
        distance_over_classes(1),
        probabilities(2),
        gradient_inputs=(0, 1),
    ),
    "class_balance": Case(
        losses.ClassBalanceLoss(CLASSES),
        class_balance,
        probabilities(1),
        gradient_inputs=(0,),
    ),
    "strong_weak": Case(
        losses.StrongWeakConsistencyLoss(0.7, 0.85),
        strong_weak(0.7, 0.85, 1.0, over_all=False),
        PAIR,
        gradient_inputs=(0,),
    ),
    "strong_weak_of_the_paper": Case(
        losses.StrongWeakConsistencyLoss(
            0.7, 0.4, sharpen="weak", mean_over="all"
        ),
        strong_weak(0.7, 1.0, 0.4, over_all=True),
        PAIR,
        gradient_inputs=(0,),
    ),
    "class_confusion": Case(
        losses.MinimumClassConfusionLoss(2.5),
        class_confusion(2.5),
        normal(LOGITS),
        gradient_inputs=(0,),
    ),
    "soft_triplet": Case(
        losses.SoftTripletLoss(),
        soft_triplet(None, normalize=False),
        triplets,
        gradient_inputs=(0,),
    ),
    "soft_triplet_hard": Case(
        losses.SoftTripletLoss(margin=0.0, normalize_feature=True),
        soft_triplet(0.0, normalize=True),
        triplets,
        gradient_inputs=(0,),
    ),
    "soft_triplet_margin": Case(
        losses.SoftTripletLoss(margin=0.3),
        soft_triplet(0.3, normalize=False),
        triplets,
        gradient_inputs=(0,),
    ),
    "soft_cross_entropy": Case(
        losses.SoftCrossEntropyLoss(),
        soft_cross_entropy,
        PAIR,
        gradient_inputs=(0,),
    ),
    "smoothed_cross_entropy": Case(
        losses.SmoothedCrossEntropy(0.3),
        smoothed_cross_entropy(0.3),
        labels_and_logits,
        gradient_inputs=(1,),
    ),
    "worst_case": Case(
        losses.WorstCaseEstimationLoss(2.0),
        worst_case(2.0),
        normal(LOGITS, LOGITS, (2 * BATCH, CLASSES), (2 * BATCH, CLASSES)),
        gradient_inputs=(1, 3),
    ),
    "entropy": Case(
        losses.EntropyLoss(), entropy, normal(LOGITS), gradient_inputs=(0,)
    ),
}
