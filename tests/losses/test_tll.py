"""Losses and thresholds against values that PyTorch-TLL computed."""

import pathlib

import numpy as np
from oracles import softmax

from kconsist import layers, losses
from kconsist.layers.dynamic_thresholding import MAPPINGS

FILE = pathlib.Path(__file__).parents[1] / "data" / "tll_losses.npz"
TLL = dict(np.load(FILE))
A, B = TLL["logits_a"], TLL["logits_b"]
P_A, P_B = (
    np.array([softmax(row) for row in view], "float32") for view in (A, B)
)
TRIPLETS = TLL["features_1"], TLL["features_2"], TLL["ids"]
WORST = A, TLL["logits_a_adv"], B, TLL["logits_b_adv"]


def values():
    """Yields the name and the value of each loss that TLL has too."""
    for threshold in (0.5, 0.8, 0.95):
        loss = losses.ConfidenceBasedSelfTrainingLoss(threshold)
        mask, labels = loss.select(B)
        yield f"confidence_{threshold}_loss", loss(A, B)
        yield f"confidence_{threshold}_mask", mask
        yield f"confidence_{threshold}_labels", labels
    for reduction in ("mean", "sum", "none"):
        loss = losses.L2ConsistencyLoss(reduction)
        yield f"l2_{reduction}", loss(P_A, P_B, TLL["mask"])
    yield "class_balance", losses.ClassBalanceLoss(10)(P_A)
    for threshold, temperature in ((0.7, 0.85), (0.95, 1.0)):
        loss = losses.StrongWeakConsistencyLoss(threshold, temperature)
        yield f"strong_weak_{threshold}_{temperature}", loss(A, B)
    for temperature in (1.0, 2.0, 2.5):
        loss = losses.MinimumClassConfusionLoss(temperature)
        yield f"mcc_{temperature}", loss(A)
    yield "soft_triplet_soft", losses.SoftTripletLoss()(*TRIPLETS)
    yield (
        "soft_triplet_soft_normalized",
        losses.SoftTripletLoss(normalize_feature=True)(*TRIPLETS),
    )
    for margin in (0.0, 0.3):
        loss = losses.SoftTripletLoss(margin)
        yield f"soft_triplet_margin_{margin}", loss(*TRIPLETS)
    yield "soft_cross_entropy", losses.SoftCrossEntropyLoss()(A, B)
    for weight in (1.0, 2.0):
        loss = losses.WorstCaseEstimationLoss(weight)
        yield f"worst_case_{weight}", loss(*WORST)


def threshold_values(warmup, mapping):
    """Returns the thresholds before each update."""
    thresholding = layers.DynamicThresholding(
        0.95, warmup, mapping, num_classes=4, num_examples=64
    )
    thresholds = []
    for index, mask, labels in zip(
        TLL["flex_index"], TLL["flex_mask"], TLL["flex_labels"], strict=True
    ):
        thresholds.append(thresholding.get_threshold(labels))
        thresholding.update(index, mask, labels)
    return np.array(thresholds)


def differences():
    """Yields each name and its largest relative difference from TLL."""
    found = list(values())
    for warmup in (True, False):
        for mapping in MAPPINGS:
            name = f"{'' if warmup else 'no'}warmup_{mapping}"
            thresholds = threshold_values(warmup, mapping)
            found.append((f"flex_threshold_{name}", thresholds))
    for name, value in found:
        difference = np.abs(np.asarray(value, "float64") - TLL[name])
        yield name, np.max(difference / np.maximum(np.abs(TLL[name]), 1e-12))


INPUTS = {"logits_a", "logits_b", "mask", "features_1", "features_2", "ids"}
INPUTS |= {"logits_a_adv", "logits_b_adv"}
INPUTS |= {"flex_index", "flex_labels", "flex_mask"}


def test_every_value_equals_tlls():
    found = dict(differences())
    assert found.keys() == TLL.keys() - INPUTS
    # Both compute in float32, but sum in different orders.
    too_far = {name: d for name, d in found.items() if not d < 1e-5}
    assert not too_far
