"""Every running average, by its closed form in NumPy.

The student's path is recorded; a loop makes the average of it, its moving
statistics by the documented policy, and its predictions.
"""

import by_hand
import keras
import numpy as np
import pytest
from by_hand import STATISTICS
from methods import METHODS, arrays, batches, compiled, network

STEPS = 5
# Method, options, warm-up and policy of BatchNorm, as their docstrings say.
AVERAGES = [
    ("fixmatch_average", dict(ema_decay=0.6), None, "copy"),
    ("flexmatch", dict(ema_decay=0.6), None, "copy"),
    ("mixmatch", dict(ema_decay=0.6), None, "copy"),
    ("uda", dict(ema_decay=0.27), "num_updates", "copy"),
    ("uda", dict(ema_decay=0.6, ema_warmup=None), None, "copy"),
    ("uda", dict(ema_decay=0.7, ema_warmup="mean"), "mean", "copy"),
    ("mean_teacher", dict(decay=0.7), "mean", "own"),
    ("mean_teacher", dict(decay=0.6, warmup=None), None, "own"),
    (
        "mean_teacher",
        dict(decay=0.27, warmup="num_updates"),
        "num_updates",
        "own",
    ),
    ("mean_teacher", dict(decay=0.7, batch_norm="copy"), "mean", "copy"),
    ("mean_teacher", dict(decay=0.7, batch_norm="ema"), "mean", "ema"),
    ("self_ensembling", dict(decay=0.6), None, "own"),
    ("self_tuning", dict(decay=0.6), None, "own"),
    ("mutual_mean_teaching", dict(decay=0.7), "mean", "own"),
]
# Each average, what it follows, and the views that it is called with.
FOLLOWS = {
    "mutual_mean_teaching": [
        ("teacher", "student", ["first"]),
        ("peer_teacher", "peer", ["second"]),
    ],
    "self_tuning": [
        ("teacher", "student", ["labeled", "weak"]),
        ("key_projection", "projection", []),
    ],
}
USUALLY = [("teacher", "student", ["weak"])]


def decay_at(updates, decay, warmup):
    """The decay after so many updates (METHODS: EMA warm-up)."""
    if warmup == "mean":
        return min(decay, 1 - 1 / (updates + 1))
    if warmup == "num_updates":
        return min(decay, (1 + updates) / (10 + updates))
    return decay


def average_by_hand(average, path, seen, decay, warmup, policy):
    """The average after a path, a list of arrays."""
    average = list(average)
    for step, student in enumerate(path):
        if policy == "own" and seen:
            average = by_hand.after_a_pass(average, seen[step])
        alpha = decay_at(step, decay, warmup)
        for index, value in enumerate(student):
            if index in STATISTICS:
                if policy == "own":
                    continue
                if policy == "copy":
                    average[index] = value
                    continue
            average[index] = alpha * average[index] + (1 - alpha) * value
    return average


class Path(keras.callbacks.Callback):
    """Records the weights of networks after each step."""

    def __init__(self, networks):
        super().__init__()
        self.networks = networks
        self.weights = {name: [] for name in networks}

    def on_train_batch_end(self, batch, logs=None):
        for name in self.networks:
            values = by_hand.arrays(getattr(self.model, name))
            self.weights[name].append(values)


@pytest.mark.usefixtures("normalized")
@pytest.mark.parametrize("name, options, warmup, policy", AVERAGES)
def test_average_is_the_closed_form_and_predicts(name, options, warmup, policy):
    method = METHODS[name]
    follows = FOLLOWS.get(name, USUALLY)
    trainer = method.make(by_hand.normalized(), **options)
    compiled(trainer, keras.optimizers.SGD(0.1), run_eagerly=True)
    (decay,) = (options[k] for k in ("decay", "ema_decay") if k in options)
    views, _ = arrays(method, STEPS)
    start = {
        average: by_hand.arrays(getattr(trainer, average))
        for average, _, _ in follows
    }
    path = Path([followed for _, followed, _ in follows])
    trainer.fit(batches(method, STEPS), callbacks=[path], verbose=0)
    for average, followed, names in follows:
        seen = [
            np.concatenate([views[view][step] for view in names])
            for step in range(STEPS if names else 0)
        ]
        student = path.weights[followed]
        values = average_by_hand(
            start[average], student, seen, decay, warmup, policy
        )
        found = getattr(trainer, average).weights
        for expected, weight in zip(values, found, strict=True):
            # float32 sums of five steps.
            np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=2e-6)
        assert np.abs(values[0] - student[-1][0]).max() > 1e-3
        start[average] = values
    if name == "self_tuning":
        return  # Its student predicts: see test_prediction.py.
    images = views[method.trained_on][0]
    by_average = by_hand.logits(start["teacher"], images, training=False)
    np.testing.assert_allclose(
        trainer.predict(images, verbose=0), by_average, rtol=1e-3, atol=1e-5
    )


def test_no_average_is_left_out():
    """A teacher that is not given is an average of the student."""
    listed = {name for name, *_ in AVERAGES}
    for name, method in METHODS.items():
        trainer = method.make(network())
        given = "teacher" in trainer.get_config()
        if trainer.teacher is not None and not given:
            assert name in listed
