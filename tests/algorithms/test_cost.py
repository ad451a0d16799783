"""What a step costs: images through each network, forward and backward.

The figures are those of the methods' own papers and code. One forward pass of
labeled and unlabeled images together has one backward pass, so that a weak view
which is only a target passes through it as well.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import BATCH, METHODS, RATIO, compiled, network
from training import first_batch

from kconsist import VAT

B, U = BATCH, RATIO * BATCH
TOGETHER = {"student": (B + U, B + U)}
THREE = {"student": (B + 2 * U, B + 2 * U)}
AVERAGE = {"teacher": (0, 0)}  # It predicts only in evaluation.

# Images (forward, backward) of each network of a trainer.
COSTS = {
    "self_trainer": {"student": (B, B), "teacher": (B, 0)},
    "self_trainer_hard": {"student": (B, B), "teacher": (B, 0)},
    "self_trainer_unlabeled": {**TOGETHER, "teacher": (B + U, 0)},
    "distiller": {"student": (B, B), "teacher": (B, 0)},
    "mean_teacher": {**TOGETHER, "teacher": (U, 0)},
    "self_ensembling": {**TOGETHER, "teacher": (U, 0)},
    "fixmatch": THREE,
    "fixmatch_average": {**THREE, **AVERAGE},
    "flexmatch": {**THREE, **AVERAGE},
    "uda": {**THREE, **AVERAGE},
    "pi_model": THREE,
    "pi_model_kl": THREE,
    "pi_model_views": {"student": (B + 3 * U, B + 3 * U)},
    "pseudo_label": TOGETHER,
    "temporal_ensembling": TOGETHER,
    "noisy_student": TOGETHER,
    # The guess of both views, and one pass of all mixtures.
    "mixmatch": {"student": (B + 4 * U, B + 2 * U), **AVERAGE},
    # The labels' strong view of TLL is left out: B less.
    "debiased_self_training": THREE,
    # The pseudo-labels come with the queries: U less than TLL.
    "self_tuning": {**TOGETHER, "teacher": (B + U, 0)},
    # The features once, though the classifier is called three times.
    "adversarial_dropout": TOGETHER,
    "minimum_class_confusion": TOGETHER,
    # Labeled, clean, probe and perturbed; no gradient through the clean one.
    "vat": {"student": (B + 3 * U, B + 2 * U)},
    # The student's loss on the labels is computed twice more, before and after.
    "meta_pseudo_labels": {
        "student": (3 * B + U, B + U),
        "teacher": 2 * (B + 2 * U,),
    },
    "mutual_mean_teaching": {
        "student": (B, B),
        "peer": (B, B),
        "teacher": (B, 0),
        "peer_teacher": (B, 0),
    },
}


def counted(model):
    """Counts the images that pass a model's first layer: [forward, backward].

    The layer is called by every pass, also by those of its features.
    """
    counts, layer = [0, 0], model.layers[0]
    call = layer.call

    @tf.custom_gradient
    def noted(outputs):
        def backward(upstream):
            counts[1] += len(upstream)
            return upstream

        return outputs, backward

    def counting(inputs, **options):
        counts[0] += len(inputs)
        return noted(call(inputs, **options))

    layer.call = counting
    return counts


def costs_of_a_step(trainer, method, networks):
    counts = {name: counted(getattr(trainer, name)) for name in networks}
    trainer.train_step(first_batch(method))
    return {name: tuple(count) for name, count in counts.items()}


@pytest.mark.parametrize("name", COSTS)
def test_a_step_costs_no_more_than_the_method(name):
    method = METHODS[name]
    trainer = compiled(method.make(network()))
    assert costs_of_a_step(trainer, method, COSTS[name]) == COSTS[name]


@pytest.mark.parametrize("name", COSTS)
def test_every_network_is_counted(name):
    trainer = METHODS[name].make(network())
    networks = {
        name: {id(weight) for weight in value.weights}
        for name, value in vars(trainer).items()
        if isinstance(value, keras.Model)
        and value.input_shape == trainer.student.input_shape
    }
    # Not a part of one, which its first layer counts.
    whole = {
        name
        for name, weights in networks.items()
        if not any(weights < others for others in networks.values())
    }
    assert whole == set(COSTS[name])


def test_minimum_of_entropy_costs_a_backward_pass_more():
    method = METHODS["vat"]
    trainer = compiled(VAT(network(), 0.5, entropy_weight=0.1))
    found = costs_of_a_step(trainer, method, ["student"])
    assert found == {"student": (B + 3 * U, B + 3 * U)}


def test_each_iteration_of_vat_costs_two_passes():
    method = METHODS["vat"]
    trainer = compiled(VAT(network(), 0.5, num_iterations=3))
    found = costs_of_a_step(trainer, method, ["student"])
    assert found == {"student": (B + 5 * U, B + 4 * U)}


def test_batch_norm_moves_once_for_views_that_pass_together():
    """Twice, its moving mean would have forgotten more of its start."""
    method = METHODS["fixmatch"]
    student = network(batch_norm=True)
    views, labels = first_batch(method)
    trainer = compiled(method.make(student))
    hidden = student.layers[0](tf.concat(list(views.values()), 0))
    trainer.train_step((views, labels))
    np.testing.assert_allclose(
        student.layers[1].moving_mean,
        0.1 * np.mean(hidden, 0),
        rtol=1e-4,
        atol=1e-6,
    )
