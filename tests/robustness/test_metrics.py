"""Scores against their definitions as loops."""

import numpy as np
import pytest

from kconsist.robustness import _metrics


def predictions(count, seed=0):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.1, 1, count)
    correct = rng.random(count) < confidence**2
    return correct, confidence, np.log(rng.uniform(0.01, 1, count))


def ece_by_hand(correct, confidence, bins=15):
    total = 0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        members = [
            i
            for i, c in enumerate(confidence)
            if low < c <= high or c == b == 0
        ]
        if members:
            accuracy = sum(correct[i] for i in members) / len(members)
            mean = sum(confidence[i] for i in members) / len(members)
            total += len(members) / len(confidence) * abs(accuracy - mean)
    return total


def rms_by_hand(correct, confidence, size=100):
    order = sorted(range(len(confidence)), key=lambda i: confidence[i])
    total = 0
    for start in range(0, len(order), size):
        members = order[start : start + size]
        accuracy = sum(correct[i] for i in members) / len(members)
        mean = sum(confidence[i] for i in members) / len(members)
        total += len(members) / len(order) * (accuracy - mean) ** 2
    return total**0.5


@pytest.mark.parametrize("count", [1, 99, 100, 101, 730])
def test_scores_are_their_definitions(count):
    correct, confidence, logs = predictions(count)
    scores = _metrics.score(correct, confidence, logs)
    assert set(scores) == set(_metrics.SCORES)
    assert scores["accuracy"] == sum(correct) / count
    assert scores["error"] == pytest.approx(1 - sum(correct) / count)
    assert scores["nll"] == pytest.approx(-sum(logs) / count)
    assert scores["ece"] == pytest.approx(ece_by_hand(correct, confidence))
    assert scores["rms_calibration"] == pytest.approx(
        rms_by_hand(correct, confidence)
    )


def test_bin_edges_and_certain_predictions_count():
    confidence = np.array([0.0, 1 / 15, 2 / 15, 1.0])
    correct = np.array([False, True, False, True])
    found = _metrics.expected_calibration_error(correct, confidence)
    assert found == pytest.approx(ece_by_hand(correct, confidence))
    certain_and_wrong = _metrics.expected_calibration_error([False], [1.0])
    assert certain_and_wrong == 1


def test_the_most_confident_bin_counts():
    confidence = np.append(np.full(100, 0.5), np.full(100, 1.0))
    correct = np.append(np.arange(100) % 2 == 0, np.zeros(100, bool))
    found = _metrics.rms_calibration_error(correct, confidence)
    assert found == pytest.approx(np.sqrt(0.5))


def test_a_calibrated_model_has_almost_no_error():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.1, 1, 200_000)
    correct = rng.random(200_000) < confidence
    assert _metrics.expected_calibration_error(correct, confidence) < 0.01
    # The accuracy of a bin of 100 has a standard error of up to 0.05.
    assert _metrics.rms_calibration_error(correct, confidence) < 0.05
    assert _metrics.expected_calibration_error(~correct, confidence) > 0.1
