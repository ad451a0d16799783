import numpy as np
import oracles
import pytest
from methods import METHODS, compiled, network
from training import first_batch

from kconsist import MinimumClassConfusion, targets

METHOD = METHODS["minimum_class_confusion"]


def confusion(logits, temperature):
    """The paper's four steps (section 3), as loops."""
    p = np.array([oracles.softmax(row, temperature) for row in logits])
    entropy = np.array([-sum(row * np.log(row)) for row in p])
    weights = len(p) * (1 + np.exp(-entropy)) / sum(1 + np.exp(-entropy))
    classes = p.shape[1]
    total = 0.0
    for j in range(classes):
        row = [
            sum(w * a[j] * a[k] for w, a in zip(weights, p, strict=True))
            for k in range(classes)
        ]
        total += (sum(row) - row[j]) / sum(row)
    return total / classes


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_loss_is_the_papers(temperature):
    views, labels = first_batch(METHOD)
    trainer = compiled(
        MinimumClassConfusion(
            network(), temperature=temperature, confusion_weight=2.0
        )
    )
    loss, _, logs = trainer.objective(views, labels)
    z = {k: np.array(trainer.student(v), "float64") for k, v in views.items()}
    expected = confusion(z["weak"], temperature)
    supervised = oracles.cross_entropy(z["labeled"], labels)
    # The loss has 1e-5 in the logarithm of the entropy, as TLL has.
    np.testing.assert_allclose(logs["confusion_loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(loss, supervised + 2 * expected, rtol=1e-4)


def test_certain_images_weigh_more_by_the_authors_formula():
    """1 + e^(-H) with 1e-5 in the logarithm, which a sure image shows."""
    logits = np.array([[0.0, 0, 0], [200, 0, 0], [1, 0, -1]])
    rows = np.array([oracles.softmax(row) for row in logits])
    entropy = -np.sum(rows * np.log(rows + 1e-5), axis=-1)
    expected = 1 + np.exp(-entropy)
    expected /= expected.mean()
    found = np.array(targets.certainty_weights(logits), "float64")
    # Without 1e-5 the two weights' ratio would be 2.5e-6 less.
    np.testing.assert_allclose(
        found / found[0], expected / expected[0], rtol=6e-7
    )
