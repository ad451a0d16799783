"""Which network predicts: compared with its forward pass made by hand.

The table follows what each docstring states about `predict`, `evaluate` and
`export`. All networks of a trainer get weights of their own, so that no other
one gives the same logits.
"""

import by_hand
import keras
import numpy as np
import oracles
import pytest
from methods import METHODS, arrays, compiled

BY_AVERAGE = {
    "fixmatch_average",
    "flexmatch",
    "mean_teacher",
    "mixmatch",
    "mutual_mean_teaching",
    "self_ensembling",
    "uda",
}
# Those whose average is an option, without it.
WITHOUT_AVERAGE = ["flexmatch", "mixmatch", "uda", "fixmatch_average"]


pytestmark = pytest.mark.usefixtures("normalized")


def scrambled(name, **options):
    """A trainer whose networks all differ, and the weights of each."""
    trainer = METHODS[name].make(by_hand.normalized(), **options)
    compiled(trainer, run_eagerly=True)
    return trainer, by_hand.scramble(trainer)


def assert_predicts(name, trainer, weights):
    """Compares `predict`, `evaluate` and a call with the forward pass."""
    method = METHODS[name]
    views, labels = arrays(method, steps=1)
    images, labels = views[method.trained_on][0], labels[0]
    expected = by_hand.logits(weights, images, training=False)
    close = dict(rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        trainer.predict(images, verbose=0), expected, **close
    )
    np.testing.assert_allclose(trainer(images), expected, **close)
    scores = trainer.evaluate(images, labels, verbose=0, return_dict=True)
    right = np.mean(expected.argmax(-1) == labels)
    loss = oracles.cross_entropy(expected, labels)
    np.testing.assert_allclose(scores["loss"], loss, rtol=1e-4)
    np.testing.assert_allclose(scores["accuracy"], right, rtol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_the_documented_network_predicts(name, monkeypatch):
    trainer, weights = scrambled(name)
    expected = "teacher" if name in BY_AVERAGE else "student"
    assert_predicts(name, trainer, weights[expected])
    exported = []
    monkeypatch.setattr(
        keras.Model, "export", lambda self, *args: exported.append(self)
    )
    trainer.export("folder")
    assert exported == [getattr(trainer, expected)]


@pytest.mark.parametrize("name", WITHOUT_AVERAGE)
def test_the_student_predicts_where_there_is_no_average(name):
    trainer, weights = scrambled(name, ema_decay=None)
    assert list(weights) == ["student"]
    assert_predicts(name, trainer, weights["student"])
