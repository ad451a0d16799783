"""Whether an image at the threshold counts: logits that are exactly there.

softmax(0, 0, -200) is (1/2, 1/2, 0) without any rounding.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import FEATURES, METHODS, compiled

from kconsist import layers, losses, targets

TIE = np.array([0.0, 0.0, -200.0])
BELOW = np.nextafter(np.float32(0.5), np.float32(0))
ABOVE = np.nextafter(np.float32(0.5), np.float32(1))
# Whether an image at its threshold counts, and the source.
INCLUSIVE = {
    "fixmatch": True,  # Equation 4: max p >= τ.
    "fixmatch_average": True,
    "pseudo_label": True,  # "At or above": the paper has no threshold.
    "flexmatch": False,  # Algorithm 1: max p > T(ŷ).
    "uda": False,  # Section 2.3: max p > β.
    "self_ensembling": False,  # Its code, and TLL's: >.
    "debiased_self_training": False,  # TLL: >.
}


def reading():
    """A network whose logits are the first three numbers of an image."""
    layers = [keras.layers.Dense(size, dtype="float32") for size in (4, 3)]
    model = keras.Sequential([keras.Input((FEATURES,)), *layers])
    model.set_weights(
        [np.eye(FEATURES, 4), np.zeros(4), np.eye(4, 3), np.zeros(3)]
    )
    return model


def images(logits, count):
    rows = np.zeros((count, FEATURES), "float32")
    rows[:, :3] = logits
    return tf.constant(rows)


def tied_batch(name):
    """Labeled images, and two unlabeled ones whose weak view is at 1/2."""
    views = {"labeled": images([1, 0, 0], 3), "weak": images(TIE, 2)}
    if "strong" in METHODS[name].views:
        views["strong"] = images([-1, 2, 0.5], 2)
    if "index" in METHODS[name].views:
        views["index"] = tf.constant([4, 9])
    return views, tf.constant([0, 1, 2])


def logs_at(name, threshold):
    trainer = compiled(METHODS[name].make(reading(), threshold=threshold))
    if name == "flexmatch":
        # All are of class 0: its threshold is then the whole τ.
        trainer.thresholding.selected.assign(np.zeros(40))
    return trainer.objective(*tied_batch(name))[2]


@pytest.mark.parametrize("name", INCLUSIVE)
def test_an_image_at_the_threshold(name):
    for threshold, counts in (
        (BELOW, True),
        (0.5, INCLUSIVE[name]),
        (ABOVE, False),
    ):
        logs = logs_at(name, float(threshold))
        assert float(logs["mask_rate"]) == counts
        assert (float(logs["consistency_loss"]) > 1e-3) == counts


def test_flexmatch_learns_what_is_above_its_threshold():
    """Classes are remembered where max p > τ, as in its algorithm."""
    for threshold, learned in ((float(BELOW), True), (0.5, False)):
        trainer = compiled(
            METHODS["flexmatch"].make(reading(), threshold=threshold)
        )
        trainer.objective(*tied_batch("flexmatch"))
        selected = np.full(40, -1)
        selected[[4, 9]] = 0 if learned else -1
        np.testing.assert_array_equal(trainer.thresholding.selected, selected)


def test_every_image_counts_at_flexmatchs_first_thresholds():
    """T is 0 where nothing is learned, and every confidence is above it."""
    trainer = compiled(METHODS["flexmatch"].make(reading(), threshold=0.5))
    logs = trainer.objective(*tied_batch("flexmatch"))[2]
    assert float(logs["mask_rate"]) == 1


@pytest.mark.parametrize(
    "loss",
    [losses.ConfidenceBasedSelfTrainingLoss, losses.StrongWeakConsistencyLoss],
)
@pytest.mark.parametrize("inclusive", [None, False, True])
def test_losses_count_a_tie_if_inclusive(loss, inclusive):
    """TLL's do not: they compare by >."""
    options = {} if inclusive is None else {"inclusive": inclusive}
    strong, weak = tf.constant([[-1.0, 2, 0.5]]), tf.constant([TIE], "float32")
    assert (float(loss(0.5, **options)(strong, weak)) > 0) == bool(inclusive)
    assert float(loss(float(BELOW), **options)(strong, weak)) > 0
    assert float(loss(float(ABOVE), **options)(strong, weak)) == 0


def test_targets_at_their_limits():
    weak = tf.constant([TIE], "float32")
    assert float(targets.confidence_mask(weak, 0.5)[0]) == 1
    assert float(targets.confidence_mask(weak, 0.5, inclusive=False)[0]) == 0
    # UDA's annealing leaves out what is above the ceiling.
    labels = tf.constant([0])
    for ceiling, kept in ((BELOW, 0), (0.5, 1), (ABOVE, 1)):
        found = targets.tsa_mask(weak, labels, float(ceiling))
        assert float(found[0]) == kept


def test_equally_confident_classes_give_the_first():
    assert int(targets.hard_labels(tf.constant([[0.0, 3.0, 3.0]]))[0]) == 1


def test_flexmatchs_thresholds_at_equality():
    """As many examples of each class as of none: β is 1 for all."""
    dynamic = layers.DynamicThresholding(0.8, True, "convex", 2, 6)
    dynamic.selected.assign([-1, -1, 0, 0, 1, 1])
    np.testing.assert_allclose(dynamic.class_thresholds(), [0.8, 0.8])
