"""Scores of one cell: accuracy, likelihood and calibration.

A cell is one corruption at one severity. Its scores are computed from three
numbers per image: whether the prediction is correct, its confidence, and the
log probability of the true class.

Reference: Guo et al. 2017, "On calibration of modern neural networks", section
2 (ECE); Hendrycks et al. 2019, "Deep anomaly detection with outlier exposure",
appendix (RMS calibration error in bins of equal mass).
"""

import numpy as np

ECE_BINS = 15
RMS_BIN_SIZE = 100

SCORES = ("accuracy", "error", "nll", "ece", "rms_calibration")


def score(correct, confidence, log_probability) -> dict[str, float]:
    """Returns the scores of one cell.

    Args:
        correct: bool array (examples,), whether the predicted class is the
            true one.
        confidence: float array (examples,), probability of the predicted class.
        log_probability: float array (examples,), natural logarithm of the
            probability of the true class.

    Returns:
        A dict with a float for each of `SCORES`: accuracy and error in [0, 1],
        negative log-likelihood in nats, and the two calibration errors.

    Example:
        ```python
        import numpy as np
        from kconsist.robustness._metrics import score

        half = np.full(2, 0.5)
        scores = score(np.array([True, False]), half, np.log(half))
        assert scores["accuracy"] == 0.5 and scores["ece"] == 0
        ```
    """
    correct = np.asarray(correct, bool)
    confidence = np.asarray(confidence, np.float64)
    accuracy = float(correct.mean())
    return {
        "accuracy": accuracy,
        "error": 1 - accuracy,
        "nll": float(-np.mean(log_probability, dtype=np.float64)),
        "ece": expected_calibration_error(correct, confidence),
        "rms_calibration": rms_calibration_error(correct, confidence),
    }


def expected_calibration_error(
    correct, confidence, bins: int = ECE_BINS
) -> float:
    """Returns Σ_b (n_b / n) |accuracy_b - confidence_b|, equal-width bins.

    Args:
        correct: bool array (examples,).
        confidence: float array (examples,) in [0, 1].
        bins: number of bins, ((b - 1) / bins, b / bins]. Defaults to `15`.
    """
    members = np.ceil(np.asarray(confidence) * bins).astype(int) - 1
    members = np.clip(members, 0, bins - 1)
    excess = np.asarray(correct, np.float64) - confidence
    sums = np.bincount(members, weights=excess, minlength=bins)
    return float(np.abs(sums).sum() / len(excess))


def rms_calibration_error(
    correct, confidence, bin_size: int = RMS_BIN_SIZE
) -> float:
    """Returns √ Σ_b (n_b / n) (accuracy_b - confidence_b)², equal-mass bins.

    All bins are included, even the most confident one, which a widely used
    implementation omits. The last bin has the remaining examples.

    Args:
        correct: bool array (examples,).
        confidence: float array (examples,) in [0, 1].
        bin_size: examples per bin, sorted by confidence. Defaults to `100`.
    """
    order = np.argsort(confidence, kind="stable")
    excess = np.asarray(correct, np.float64)[order]
    excess = excess - np.asarray(confidence, np.float64)[order]
    starts = np.arange(0, len(excess), bin_size)
    sizes = np.diff(np.append(starts, len(excess)))
    sums = np.add.reduceat(excess, starts)
    return float(np.sqrt(np.sum(sums**2 / sizes) / len(excess)))
