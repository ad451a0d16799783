"""One of two workers: trains every method, and leaves what came of it.

TF_CONFIG=… python tests/worker.py FOLDER
"""

import os
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from methods import METHODS, arrays, batches, compiled, network

from kconsist import callbacks, data, distribute, views

BATCH_NORM = "fixmatch_average"
# Each of these has the views and the collectives of another one.
ALIKE = (
    "self_trainer_hard",
    "self_trainer_unlabeled",
    "pi_model_kl",
    "pi_model_views",
    "pseudo_label",
)
NAMES = [name for name in METHODS if name not in ALIKE]
# Two mirrored replicas train every method in float16, see the contract; here
# are one optimizer, two of them, and a gradient inside of the loss.
HALF = ("fixmatch_average", "mutual_mean_teaching", "vat")


def points():
    """A pipeline that counts its epochs, from arrays in memory."""
    (x, labels) = arrays(METHODS["fixmatch"], steps=6)
    return data.semi_supervised(
        (x["labeled"].reshape(-1, 6), labels.reshape(-1)),
        x["weak"].reshape(-1, 6),
        weak=views.Identity(),
        strong=views.Jitter(radius=0.5),
        batch_size=8,
        unlabeled_ratio=2,
        steps=2,
    )


def train(name, batch_norm=False, policy="float32", **options):
    """Returns a trained trainer and the history of its logs."""
    method = METHODS[name]
    keras.config.set_dtype_policy(policy)
    student = network(l2=0.01, batch_norm=batch_norm)
    keras.config.set_dtype_policy("float32")
    trainer = compiled(method.make(student))
    dataset = points() if name == "fixmatch" else batches(method, steps=2)
    history = trainer.fit(dataset, epochs=2, verbose=0, **options).history
    return trainer, history


class Killed(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


def train_killed(name, folder):
    """The same, killed after an epoch and gone on with."""
    try:
        train(name, callbacks=[Killed(), callbacks.Resume(folder)])
    except InterruptedError:
        resume = callbacks.Resume(folder)
    epoch = resume.initial_epoch
    return train(name, callbacks=[resume], initial_epoch=epoch)


def judge(trainer):
    """Returns the scores and the answers on seven points, in threes."""
    (x, labels) = arrays(METHODS["fixmatch"], steps=1)
    points, labels = x["labeled"][0][:7], labels[0][:7]
    return {
        "evaluate": trainer.evaluate(points, labels, batch_size=3, verbose=0),
        "predict": trainer.predict(points, batch_size=3, verbose=0),
    }


def results(trainer, history):
    """Returns logs and weights by name."""
    weights = {str(i): np.array(w) for i, w in enumerate(trainer.weights)}
    return {**history, **weights}


def main():
    signal.alarm(900)  # Where its partner or its parent is gone.
    strategy = distribute.strategy("multiworker")
    folder, found = sys.argv[1], {}
    with strategy.scope():
        for name in NAMES:
            trainer, history = train(name)
            values = results(trainer, history)
            if name == "mean_teacher":
                values.update(judge(trainer))
            found.update({f"{name}/{k}": v for k, v in values.items()})
        for name in HALF:
            trainer, _ = train(name, policy="mixed_float16")
            values = results(trainer.student, {})
            found.update({f"{name}_half/{k}": v for k, v in values.items()})
        killed = train_killed(BATCH_NORM, f"{folder}/checkpoints")
        found.update({f"killed/{k}": v for k, v in results(*killed).items()})
        trainer, history = train(BATCH_NORM, batch_norm=True)
    values = results(trainer, history)
    found.update({f"batch_norm/{k}": v for k, v in values.items()})
    if distribute.is_chief():
        trainer.save(f"{folder}/chief.keras")
        trainer.inference_model.save(f"{folder}/inference_model.keras")
    index = strategy.cluster_resolver.task_id
    np.savez(f"{folder}/{index}.npz", **found)


if __name__ == "__main__":
    main()
