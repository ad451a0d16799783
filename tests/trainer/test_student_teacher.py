"""What the pair of student and teacher does for every method."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import METHODS, batches, compiled, network, weights

from kconsist import ConsistencyTrainer, PiModel, SelfTrainer


class WithHead(ConsistencyTrainer):
    """Labels only, with a head that takes no part in the loss."""

    views = ("labeled", "weak", "strong")

    def __init__(self, student, l2=0.0, **kwargs):
        super().__init__(student, **kwargs)
        self.l2 = l2
        head = keras.layers.Dense(
            2, kernel_regularizer=keras.regularizers.L2(l2)
        )
        head.build((None, 3))
        self.heads = (head,)

    def objective(self, views, labels, sample_weight=None):
        logits = self.forward(views["labeled"])
        loss = self.compute_loss(views, labels, logits, sample_weight)
        return loss / 2, logits, {}


@pytest.mark.parametrize("evaluate", [False, True])
def test_regularizers_of_heads_and_student_count_once(evaluate):
    """Not weighted, although the objective halves the labels' loss."""
    losses = []
    for l2 in (0.0, 0.1):
        student = network(l2=l2)
        trainer = WithHead(student, l2=l2)
        compiled(trainer, keras.optimizers.SGD(0.0))
        head = trainer.heads[0].kernel
        head.assign(np.full(head.shape, 2.0))
        data = batches(METHODS["fixmatch"], steps=1)
        if evaluate:
            losses.append(trainer.evaluate(data, verbose=0)[0])
        else:
            losses.append(trainer.fit(data, verbose=0).history["loss"][0])
    squares = np.sum(np.square(student.layers[-1].kernel)) + 6 * 2.0**2
    np.testing.assert_allclose(losses[1] - losses[0], 0.1 * squares, rtol=1e-5)


def test_regularizer_of_a_head_moves_it():
    trainer = compiled(WithHead(network(), l2=0.5), keras.optimizers.SGD(0.1))
    before = np.array(trainer.heads[0].kernel)
    trainer.fit(batches(METHODS["fixmatch"], steps=1), verbose=0)
    # The gradient of 0.5 w² is w.
    np.testing.assert_allclose(trainer.heads[0].kernel, 0.9 * before, rtol=1e-5)


def test_any_method_without_a_teacher_takes_an_average():
    trainer = compiled(PiModel(network(), ema_decay=0.75))
    start = weights(trainer.student)
    trainer.fit(batches(METHODS["pi_model"], steps=1), verbose=0)
    assert trainer.inference_model is trainer.teacher
    for average, old, new in zip(
        weights(trainer.teacher), start, weights(trainer.student), strict=True
    ):
        np.testing.assert_allclose(
            average, 0.75 * old + 0.25 * new, rtol=1e-5, atol=1e-7
        )
    copy = PiModel.from_config(trainer.get_config())
    assert copy.ema_decay == 0.75 and copy.teacher is not None


def test_an_average_beside_a_teacher_is_refused():
    with pytest.raises(ValueError, match="ema_decay.*already has a teacher"):
        SelfTrainer(network(), network(seed=7), ema_decay=0.9)


def test_configuration_is_every_argument():
    trainer = WithHead(network(), l2=0.25, ema_decay=0.9, ema_warmup="mean")
    copy = WithHead.from_config(trainer.get_config())
    assert (copy.l2, copy.ema_decay, copy.ema_warmup) == (0.25, 0.9, "mean")
    with_teacher = ConsistencyTrainer(network(), network(seed=7))
    copy = ConsistencyTrainer.from_config(with_teacher.get_config())
    assert copy.teacher.count_params() == network().count_params()


def test_an_argument_that_is_not_stored_is_named():
    class Forgetful(ConsistencyTrainer):
        def __init__(self, student, rate=0.1, **kwargs):
            super().__init__(student, **kwargs)

    with pytest.raises(ValueError, match="must store its argument 'rate'"):
        Forgetful(network()).get_config()


def test_logs_of_training_are_in_no_evaluation():
    method = METHODS["fixmatch"]
    trainer = compiled(method.make(network()))
    trainer.fit(batches(method, steps=2), verbose=0)
    results = trainer.evaluate(
        batches(method, steps=2), verbose=0, return_dict=True
    )
    assert results.keys() == {"loss", "accuracy"}
    assert tf.executing_eagerly()
