import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import CLASSES, EXAMPLES, METHODS, batches, compiled, network

from kconsist import TemporalEnsembling

METHOD = METHODS["temporal_ensembling"]


def test_loss_is_the_papers_over_several_epochs():
    """Algorithm 2, with every image once an epoch and updates at its end."""
    trainer = compiled(
        TemporalEnsembling(network(), EXAMPLES, consistency_weight=2.0)
    )
    rng = np.random.default_rng(0)
    labeled = rng.normal(size=(8, 6)).astype("float32")
    labels = np.arange(8) % CLASSES
    images = rng.normal(size=(EXAMPLES, 6)).astype("float32")
    ensemble = np.zeros((EXAMPLES, CLASSES))
    for epoch in range(3):
        predictions = np.zeros((EXAMPLES, CLASSES))
        target = ensemble / (1 - 0.6**epoch) if epoch else ensemble
        for index in np.split(rng.permutation(EXAMPLES), 4):
            views = {"labeled": labeled, "weak": images[index], "index": index}
            views = {name: tf.constant(view) for name, view in views.items()}
            loss, _, logs = trainer.objective(views, tf.constant(labels))
            z = np.array(trainer.student(images[index]), "float64")
            predictions[index] = [oracles.softmax(row) for row in z]
            expected = np.mean((predictions[index] - target[index]) ** 2)
            if epoch == 0:
                expected = 0.0
            supervised = oracles.cross_entropy(
                np.array(trainer.student(labeled), "float64"), labels
            )
            np.testing.assert_allclose(
                logs["consistency_loss"], expected, rtol=1e-3, atol=1e-7
            )
            np.testing.assert_allclose(
                loss, supervised + 2 * expected, rtol=1e-4
            )
            # Another prediction the next time.
        ensemble = 0.6 * ensemble + 0.4 * predictions
        for weight in trainer.student.weights:
            weight.assign(weight * 1.3)


def test_an_index_out_of_range_is_refused():
    trainer = compiled(TemporalEnsembling(network(), num_examples=4))
    with pytest.raises(ValueError, match=r"index must lie in \[0, 3\].*got"):
        trainer.fit(batches(METHOD), verbose=0)
