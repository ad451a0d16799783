"""The paired bootstrap against loops over resampled images."""

import dataclasses

import colored
import numpy as np
import pytest

from kconsist.robustness import (
    SUMMARIES,
    Generated,
    NpyFolder,
    Report,
    compare,
    evaluate,
)

SUMMARY = "mean_accuracy_19_severity_5"


@pytest.fixture
def reports(npy_folder):
    """Two networks on the same 12 images; one confuses green with red."""
    source = NpyFolder(npy_folder, colored.examples(12))
    other = colored.network(name="other")
    weights = other.get_weights()[0]
    weights[1, 0] = 0.02
    other.set_weights([weights])
    return [
        evaluate(network, source, batch_size=12, verbose=0)
        for network in (colored.network(), other)
    ]


def summary_of(report, name, ids):
    """The summary of some images, computed from `correct` only."""
    summary = SUMMARIES[name]
    values = []
    for cell in summary.cells:
        correct = report.correct[report.cells.index(cell)][ids]
        values.append(correct.mean())
    value = np.mean(values)
    if summary.below_clean:
        return report.correct[0][ids].mean() - value
    return 1 - value if summary.score == "error" else value


@pytest.mark.parametrize(
    "name",
    [SUMMARY, "mean_corruption_error", "gap_to_clean", "clean_accuracy"],
)
def test_the_interval_is_that_of_resampled_images(reports, name):
    a, b = reports
    found = compare(a, b, name, resamples=200, seed=3)
    difference = b.summary(name) - a.summary(name)
    assert found.difference == pytest.approx(difference)
    rng = np.random.default_rng(3)
    differences = []
    for _ in range(200):
        ids = rng.integers(0, 12, 12)
        differences.append(summary_of(b, name, ids) - summary_of(a, name, ids))
    assert found.low == pytest.approx(np.quantile(differences, 0.025))
    assert found.high == pytest.approx(np.quantile(differences, 0.975))
    assert found.low < found.high


def test_a_report_does_not_differ_from_itself(reports):
    difference, low, high = compare(reports[0], reports[0])
    assert difference == low == high == 0


def test_direction_seed_and_level(reports):
    a, b = reports
    forward, backward = compare(a, b), compare(b, a)
    assert forward.difference != 0
    np.testing.assert_allclose(forward[0], -backward[0])
    np.testing.assert_allclose(forward[1:], (-backward.high, -backward.low))
    assert compare(a, b) == compare(a, b) != compare(a, b, seed=1)
    narrow = compare(a, b, level=0.5)
    assert forward.low < narrow.low < narrow.high < forward.high


def synthetic(correct):
    """A report of the clean cell with these correct predictions."""
    row = {"corruption": "clean", "severity": 0, "accuracy": correct.mean()}
    metadata = dict.fromkeys(["fingerprint", "clean_fingerprint", "examples"])
    return Report("synthetic", [row], correct[None], {**metadata, "seed": 0})


def test_intervals_cover_the_truth_at_their_level():
    """Paired intervals of 95 % over 200 samples of 400 images."""
    rng = np.random.default_rng(0)
    covered = 0
    for number in range(200):
        shared = rng.random(400)
        a = synthetic(shared < 0.6)
        b = synthetic((shared + rng.normal(0, 0.05, 400)) < 0.65)
        # P(u + e < 0.65) is 0.65 for u uniform and a narrow e.
        found = compare(a, b, "clean_accuracy", resamples=300, seed=number)
        covered += found.low <= 0.05 <= found.high
    # Binomial(200, 0.95) is 190 ± 3; the bootstrap is slightly too narrow.
    assert 180 <= covered <= 199


def test_pairing_narrows_the_interval():
    """The same difference on shared and on independent images."""
    rng = np.random.default_rng(0)
    shared = rng.random(1000)
    a = synthetic(shared < 0.6)
    paired = compare(a, synthetic(shared < 0.65), "clean_accuracy")
    unpaired = compare(a, synthetic(rng.random(1000) < 0.65), "clean_accuracy")
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)


def test_unpaired_reports_raise(reports, npy_folder, examples):
    a, b = reports
    options = dict(batch_size=12, verbose=0)
    source = NpyFolder(npy_folder, colored.examples(12))
    model = colored.network()
    few = evaluate(model, source, examples=6, **options)
    other_few = evaluate(model, source, examples=6, seed=1, **options)
    one = evaluate(model, source, corruptions="fog", **options)
    generated = evaluate(
        model,
        Generated(*examples),
        corruptions="all",
        severities=[5],
        verbose=0,
    )
    no_correct = dataclasses.replace(a, correct=None)
    unaligned = dataclasses.replace(
        a, metadata={**a.metadata, "aligned": False}
    )
    wrong = [
        ((a, few), {}, "different examples: None and 6"),
        ((few, other_few), {}, "different seed: 0 and 1"),
        ((a, one), {}, "18 cells .* not evaluated"),
        ((a, generated), {}, "different fingerprint"),
        ((a, no_correct), {}, "must have `correct`"),
        ((a, unaligned), {"summary": "gap_to_clean"}, "not in the order"),
        ((a, b), {"summary": "mean_nll_15"}, "accuracy or error"),
        ((a, b), {"summary": "mean"}, "summary must be one of"),
        ((a, b), {"resamples": 0}, "resamples must be"),
        ((a, b), {"level": 95}, "level must be"),
    ]
    for pair, options, message in wrong:
        with pytest.raises(ValueError, match=message):
            compare(*pair, **options)
    compare(a, dataclasses.replace(b, metadata={**b.metadata, "seed": 9}))
