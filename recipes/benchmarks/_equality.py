"""Checks that a step of kconsist and one of PyTorch compute the same.

That makes their times comparable: from the same weights and the same batch
they get the same logits, loss, gradients, new weights and average.
"""

import _kconsist_steps
import keras
import numpy as np

# Gradients relative to their norm: rounding moves some activations across zero,
# where the slope of leaky ReLU changes.
TOLERANCES = {
    "logits": 1e-4,
    "loss": 1e-4,
    "gradient": 0.05,
    "weight": 1e-4,
    "average": 1e-4,
}


def weights(trainer):
    """Returns the weights of student and heads, in PyTorch's order of axes."""
    return [
        in_order_of_torch(weight)
        for network in (trainer.student, *trainer.heads)
        for layer in network.layers
        for weight in layer.weights
    ]


def in_order_of_torch(weight):
    """Returns a weight of Keras as an array with PyTorch's order of axes."""
    weight = np.asarray(weight)
    return weight.transpose({4: (3, 2, 0, 1), 2: (1, 0)}.get(weight.ndim))


def median_confidence(student, views):
    """Returns a threshold that half of the weak views reach."""
    images = np.concatenate(list(views.values()))
    logits = student(images, training=True)
    start = len(views["labeled"])
    weak = keras.ops.softmax(logits)[start : start + len(views["weak"])]
    return float(np.median(np.max(weak, axis=-1)))


def first_step(trainer, batch):
    """Makes a trainer's first step; returns what it computed, as arrays."""
    student = trainer.student
    images = np.concatenate(list(batch[0].values()))
    results = {"logits": [np.asarray(student(images, training=True))]}
    _kconsist_steps.compiled(trainer, run_eagerly=True)
    data = _kconsist_steps.dataset(batch, 1)
    results["loss"] = trainer.fit(data, verbose=0).history["loss"]
    # From rest, the momentum is minus the learning rate times the gradient.
    rate = float(trainer.optimizer.learning_rate)
    momentums = trainer.optimizer.momentums
    weights = {
        "gradient": [momentum / -rate for momentum in momentums],
        "weight": trainer.trainable_variables,
    }
    if trainer.teacher is not None:
        pairs = zip(trainer.teacher.weights, student.weights, strict=True)
        weights["average"] = [mean for mean, w in pairs if w.trainable]
    for name, values in weights.items():
        results[name] = [in_order_of_torch(value) for value in values]
    return results


def norm(values):
    return np.linalg.norm(np.ravel(values))


def assert_same(what, results, others):
    """Raises `AssertionError` unless two steps agree to `TOLERANCES`.

    Args:
        what: the step, for the error.
        results: dict of names to lists of arrays.
        others: the same.
    """
    for name, tolerance in TOLERANCES.items():
        pairs = zip(results.get(name, []), others.get(name, []), strict=True)
        for value, other in pairs:
            difference = np.max(np.abs(value - other))
            if name == "gradient":
                difference = norm(value - other) / norm(other)
            if not difference <= tolerance:
                raise AssertionError(
                    f"{what}: {name} of kconsist and of PyTorch differ by "
                    f"{difference:.1e}, more than {tolerance}"
                )
