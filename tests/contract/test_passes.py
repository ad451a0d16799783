"""Which network sees which views in one step, together, and in which mode.

The table is written from each docstring's "Views" and "BatchNorm". A layer in
front of each network records its calls; what BatchNorm makes of them is
computed by a forward pass in NumPy.
"""

import typing

import by_hand
import numpy as np
import pytest
from by_hand import Recorder
from methods import METHODS, arrays, batches, compiled


class Pass(typing.NamedTuple):
    """One call of a network.

    Attributes:
        views: those that are in its batch, in their order; None for others.
        training: the mode.
        moves: whether BatchNorm's moving statistics follow the batch.
    """

    views: tuple | None
    training: bool
    moves: bool


def trains(*views):
    return Pass(views, training=True, moves=True)


def keeps(*views):
    """In training mode, with the moving statistics put back."""
    return Pass(views or None, training=True, moves=False)


def infers(*views):
    return Pass(views, training=False, moves=False)


ALL_THREE = trains("labeled", "weak", "strong")
BOTH = trains("labeled", "weak")
PASSES = {
    "self_trainer": {
        "student": [trains("noisy")],
        "teacher": [infers("clean")],
    },
    "self_trainer_unlabeled": {
        "student": [trains("noisy", "unlabeled_noisy")],
        "teacher": [infers("clean", "unlabeled_clean")],
    },
    "self_trainer_hard": {
        "student": [trains("noisy")],
        "teacher": [infers("clean")],
    },
    "adversarial_dropout": {"student": [BOTH]},
    "debiased_self_training": {"student": [ALL_THREE]},
    "distiller": {"student": [trains("images")], "teacher": [infers("images")]},
    "mean_teacher": {
        "student": [trains("labeled", "strong")],
        "teacher": [trains("weak")],
    },
    "fixmatch": {"student": [ALL_THREE]},
    "fixmatch_average": {"student": [ALL_THREE], "teacher": []},
    "pi_model": {"student": [ALL_THREE]},
    "pi_model_kl": {"student": [ALL_THREE]},
    "pi_model_views": {
        "student": [trains("labeled", "weak", "strong", "third")]
    },
    "flexmatch": {"student": [ALL_THREE], "teacher": []},
    "minimum_class_confusion": {"student": [BOTH]},
    # At an alpha of 0 each mixture is its image: see OPTIONS.
    "mixmatch": {
        "student": [keeps("weak", "strong"), ALL_THREE],
        "teacher": [],
    },
    "self_ensembling": {
        "student": [trains("labeled"), trains("strong")],
        "teacher": [trains("weak")],
    },
    "pseudo_label": {"student": [BOTH]},
    "self_tuning": {
        "student": [trains("labeled", "strong")],
        "teacher": [trains("labeled", "weak")],
    },
    "temporal_ensembling": {"student": [BOTH]},
    # Its loss on the labels before and after its step is the feedback.
    "meta_pseudo_labels": {
        "student": [
            trains("labeled", "strong"),
            keeps("labeled"),
            keeps("labeled"),
        ],
        "teacher": [ALL_THREE],
    },
    "mutual_mean_teaching": {
        "student": [trains("first")],
        "peer": [trains("second")],
        "teacher": [trains("first")],
        "peer_teacher": [trains("second")],
    },
    "noisy_student": {"student": [trains("labeled", "strong")]},
    "uda": {"student": [ALL_THREE], "teacher": []},
    # The probe and the perturbed images: see test_vat.py.
    "vat": {
        "student": [keeps("weak"), keeps(), keeps(), trains("labeled")],
    },
}
OPTIONS = {"mixmatch": {"alpha": 0.0}}


def assert_passes(name, table, options):
    """Makes one step; compares each network's calls and statistics."""
    method = METHODS[name]
    trainer = method.make(by_hand.recorded(), **options)
    compiled(trainer, run_eagerly=True)
    networks = {k: getattr(trainer, k) for k in table}
    start = {k: by_hand.arrays(model) for k, model in networks.items()}
    trainer.fit(batches(method, steps=1), verbose=0)
    views, _ = arrays(method, steps=1)
    for key, expected in table.items():
        (spy,) = (x for x in networks[key].layers if isinstance(x, Recorder))
        modes = [training for training, _ in spy.calls]
        assert modes == [each.training for each in expected]
        values = start[key]
        for each, (_, seen) in zip(expected, spy.calls, strict=True):
            if each.views is None:
                continue
            batch = np.concatenate([views[view][0] for view in each.views])
            np.testing.assert_array_equal(seen, batch)
            if each.moves:
                values = by_hand.after_a_pass(values, batch)
        if not expected:
            continue  # An average that is never called takes a copy.
        for index in by_hand.STATISTICS:
            np.testing.assert_allclose(
                networks[key].weights[index],
                values[index],
                rtol=1e-5,
                atol=1e-6,
            )


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("name", METHODS)
def test_networks_see_the_documented_batches(name):
    assert_passes(name, PASSES[name], OPTIONS.get(name, {}))


def test_a_mean_teacher_in_inference_mode():
    table = {**PASSES["mean_teacher"], "teacher": [infers("weak")]}
    trainer_options = dict(teacher_training=False, batch_norm="ema", decay=1.0)
    assert_passes("mean_teacher", table, {**trainer_options, "warmup": None})
