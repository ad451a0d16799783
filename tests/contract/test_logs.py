"""The logs of an epoch are means over its batches."""

import keras
import numpy as np
import tensorflow as tf
from methods import METHODS, arrays, batches, network
from training import eager, every_method

STEPS = 3
# One method for each way that an objective makes its logs.
FAST = (
    "fixmatch",
    "meta_pseudo_labels",
    "mutual_mean_teaching",
    "self_tuning",
    "temporal_ensembling",
)


@every_method(FAST)
def test_logs_are_means_over_the_epoch(name):
    method = METHODS[name]
    views, labels = arrays(method, STEPS)
    # No weight changes at rate 0, so the objective can be computed again.
    frozen = dict(optimizer=keras.optimizers.SGD(0.0))
    trainer = eager(method.make(network()), **frozen)
    for other in ("teacher_optimizer", "peer_optimizer"):
        if hasattr(trainer, other):
            getattr(trainer, other).learning_rate = 0.0
    start = trainer.get_weights()
    history = trainer.fit(batches(method, STEPS), verbose=0).history
    trainer.set_weights(start)
    expected = {log: [] for log in ("loss", *trainer.logs)}
    for step in range(STEPS):
        trainer.optimizer.iterations.assign(step)
        batch = {k: tf.constant(v[step]) for k, v in views.items()}
        loss, _, logs = trainer.objective(batch, tf.constant(labels[step]))
        for log, value in {"loss": loss, **logs}.items():
            expected[log].append(float(value))
    for log, values in expected.items():
        if not values:  # Known only after the step.
            continue
        np.testing.assert_allclose(
            history[log][0], np.mean(values), rtol=1e-5, err_msg=log
        )
        if log not in ("mask_rate", "consistency_loss"):
            assert np.std(values) > 0  # The last batch is not the mean.
