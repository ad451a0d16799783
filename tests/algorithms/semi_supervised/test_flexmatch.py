import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import (
    CLASSES,
    EXAMPLES,
    METHODS,
    arrays,
    batches,
    compiled,
    network,
)
from training import first_batch

from kconsist import FixMatch, FlexMatch

METHOD = METHODS["flexmatch"]


class Curriculum:
    """Thresholds as loops over examples (section 3, convex mapping)."""

    def __init__(self, threshold, warmup):
        self.threshold, self.warmup = threshold, warmup
        self.selected = [-1] * EXAMPLES

    def of(self, label):
        counts = [self.selected.count(c) for c in range(CLASSES)]
        most = max(counts)
        if self.warmup:
            most = max(most, self.selected.count(-1))
        beta = counts[label] / max(most, 1)
        return self.threshold * beta / (2 - beta)

    def update(self, index, labels, confidence):
        for i, label, p in zip(index, labels, confidence, strict=True):
            if p > self.threshold:
                self.selected[i] = int(label)


@pytest.mark.parametrize("warmup", [True, False])
def test_loss_is_the_papers_over_several_steps(warmup):
    trainer = compiled(
        FlexMatch(network(), EXAMPLES, threshold=0.45, warmup=warmup)
    )
    curriculum, rates = Curriculum(0.45, warmup), []
    for views, labels in batches(METHOD, steps=6):
        z = {
            name: np.array(trainer.student(view), "float64")
            for name, view in views.items()
            if name != "index"
        }
        predictions = [oracles.softmax(row) for row in z["weak"]]
        pseudo_labels = [p.argmax() for p in predictions]
        confidence = [p.max() for p in predictions]
        total = 0.0
        kept = [
            p > curriculum.of(label)
            for p, label in zip(confidence, pseudo_labels, strict=True)
        ]
        for row, label, keep in zip(
            z["strong"], pseudo_labels, kept, strict=True
        ):
            total -= keep * np.log(oracles.softmax(row)[label])
        curriculum.update(views["index"].numpy(), pseudo_labels, confidence)

        loss, _, logs = trainer.objective(views, labels)
        consistency = total / len(kept)
        supervised = oracles.cross_entropy(z["labeled"], labels)
        np.testing.assert_allclose(logs["mask_rate"], np.mean(kept))
        np.testing.assert_allclose(loss, supervised + consistency, rtol=1e-4)
        np.testing.assert_array_equal(
            trainer.thresholding.selected, curriculum.selected
        )
        rates.append(np.mean(kept))
    assert rates[0] == 1 and min(rates) < 1


def test_learned_classes_have_fixmatchs_threshold():
    views, labels = first_batch(METHOD)
    trainer = compiled(FlexMatch(network(), EXAMPLES, threshold=0.4))
    even = np.arange(EXAMPLES) % CLASSES
    even[-1] = -1  # 13 examples of each class.
    trainer.thresholding.selected.assign(even)
    fixmatch = compiled(FixMatch(trainer.student, threshold=0.4))
    np.testing.assert_allclose(
        trainer.objective(views, labels)[0],
        fixmatch.objective(views, labels)[0],
        rtol=1e-5,
    )


def test_an_index_out_of_range_is_refused():
    trainer = compiled(FlexMatch(network(), num_examples=4))
    with pytest.raises(ValueError, match=r"index must lie in \[0, 3\].*got"):
        trainer.fit(batches(METHOD), verbose=0)
    views, labels = arrays(METHOD, steps=1)
    views = {name: view[0] for name, view in views.items()}
    with pytest.raises(ValueError, match=r"index must lie in \[0, 3\].*got"):
        trainer.fit(views, labels[0], verbose=0)


def test_memory_moves_in_fit():
    trainer = compiled(FlexMatch(network(), EXAMPLES, threshold=0.4))
    trainer.fit(batches(METHOD), verbose=0)
    claimed = np.array(trainer.thresholding.selected)
    assert (claimed >= 0).any() and tf.reduce_max(claimed) < CLASSES
