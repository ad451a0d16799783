import keras
import numpy as np
import pytest
from replicas import run_on_replicas

from kconsist.layers import PredictionEnsemble


def test_the_ensemble_of_a_constant_prediction_is_itself():
    ensemble = PredictionEnsemble(num_examples=5, num_classes=3)
    index, prediction = np.array([4, 0]), np.array([[0.2, 0.5, 0.3], [1, 0, 0]])
    for _ in range(4):
        ensemble.update(index, prediction)
        targets, seen = ensemble(np.array([4, 0, 2]))
        np.testing.assert_allclose(targets[:2], prediction, rtol=1e-5)
        np.testing.assert_array_equal(targets[2], [0, 0, 0])
        np.testing.assert_array_equal(seen, [1, 1, 0])


def test_recent_predictions_weigh_more_and_rows_sum_to_1(rng):
    ensemble = PredictionEnsemble(num_examples=3, num_classes=4, decay=0.7)
    predictions = rng.dirichlet(np.ones(4), size=(6, 1))
    for prediction in predictions:
        ensemble.update(np.array([1]), prediction)
    (target,), _ = ensemble(np.array([1]))
    weights = 0.7 ** np.arange(6)[::-1]
    expected = (weights[:, None] * predictions[:, 0]).sum(0) / weights.sum()
    np.testing.assert_allclose(target, expected, rtol=1e-5)
    np.testing.assert_allclose(np.sum(target), 1, rtol=1e-6)


def test_the_last_entry_of_a_repeated_index_counts():
    ensemble = PredictionEnsemble(num_examples=2, num_classes=2)
    ensemble.update(np.array([1, 1]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    (target,), _ = ensemble(np.array([1]))
    np.testing.assert_allclose(target, [0, 1], atol=1e-6)
    np.testing.assert_array_equal(ensemble.counts, [0, 1])


@pytest.mark.parametrize("decay", [-0.1, 1, 1.5])
def test_rejects_a_wrong_decay(decay):
    with pytest.raises(ValueError, match=f"decay.*got {decay}"):
        PredictionEnsemble(num_examples=2, num_classes=2, decay=decay)


def test_all_replicas_store_the_global_batch(mirrored, rng):
    index, predictions = rng.permutation(9)[:8], rng.dirichlet(np.ones(3), 8)
    index[7] = index[0]  # A repeated index, on the second replica.
    one = PredictionEnsemble(num_examples=9, num_classes=3)
    one.update(index, predictions)
    with mirrored.scope():
        both = PredictionEnsemble(num_examples=9, num_classes=3)

    run_on_replicas(mirrored, both.update, index, predictions)
    for name in ("mean", "counts"):
        copies = getattr(both, name).value
        for copy in mirrored.experimental_local_results(copies):
            np.testing.assert_array_equal(copy, getattr(one, name))


def test_half_precision_is_stored_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    ensemble = PredictionEnsemble(num_examples=2, num_classes=2)
    half = np.array([[1 / 3, 2 / 3]], "float16")
    ensemble.update(np.array([1]), half)
    targets, seen = ensemble(np.array([1]))
    assert targets.dtype == seen.dtype == "float32"
    np.testing.assert_allclose(targets, half.astype("float32"), rtol=1e-6)


def test_default_decay_is_the_papers():
    """Temporal ensembling, section 3: 0.6."""
    assert PredictionEnsemble(num_examples=2, num_classes=2).decay == 0.6
