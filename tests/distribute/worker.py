"""One of two workers: trains every method, and writes the results.

TF_CONFIG=… python tests/distribute/worker.py FOLDER
"""

import os
import pathlib
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from methods import METHODS, arrays, batches, compiled, network

from kconsist import callbacks, data, distribute, views

BATCH_NORM = "fixmatch_average"
# Each of the methods that are left out has the views and the collectives of
# one of these: self_trainer_hard, self_trainer_unlabeled, pi_model_kl,
# pi_model_views and pseudo_label.
GROUPS = {
    "averages": ["mean_teacher", "fixmatch", "fixmatch_average", "flexmatch"],
    "distillation": ["self_trainer", "distiller", "noisy_student"],
    "two_networks": ["meta_pseudo_labels", "mutual_mean_teaching"],
    "state": ["self_tuning", "temporal_ensembling", "debiased_self_training"],
    "perturbations": ["vat", "adversarial_dropout", "pi_model"],
    "mixtures": ["mixmatch", "uda"],
    "adaptation": ["self_ensembling", "minimum_class_confusion"],
}
# Two mirrored replicas train every method in float16, see the contract; here
# are one optimizer, two of them, and a gradient inside of the loss.
FLOAT16 = ("fixmatch_average", "mutual_mean_teaching", "vat")


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


def train(
    name, batch_norm=False, policy="float32", run_eagerly=False, **options
):
    """Returns a trained trainer and the history of its logs."""
    method = METHODS[name]
    keras.config.set_dtype_policy(policy)
    student = network(l2=0.01, batch_norm=batch_norm)
    keras.config.set_dtype_policy("float32")
    trainer = compiled(method.make(student), run_eagerly=run_eagerly)
    dataset = points() if name == "fixmatch" else batches(method, steps=2)
    history = trainer.fit(dataset, epochs=2, verbose=0, **options).history
    return trainer, history


class Interruption(keras.callbacks.Callback):
    """Ends a run after its first epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


def train_killed(name, folder):
    """The same, killed after an epoch and resumed."""
    try:
        train(name, callbacks=[Interruption(), callbacks.Resume(folder)])
    except InterruptedError:
        resume = callbacks.Resume(folder)
    epoch = resume.initial_epoch
    return train(name, callbacks=[resume], initial_epoch=epoch)


def evaluate(trainer):
    """Returns the scores and the predictions on seven points, in threes."""
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
    signal.alarm(900)  # In case its partner or its parent is gone.
    strategy = distribute.strategy("multiworker")
    folder = pathlib.Path(sys.argv[1])
    index = strategy.cluster_resolver.task_id

    def write(group, found):
        """Writes the results of a group atomically."""
        arrays = {
            f"{name}/{key}": value
            for name, values in found.items()
            for key, value in values.items()
        }
        path = folder / f"{group}_{index}.npz"
        np.savez(folder / f"{path.name}.part.npz", **arrays)
        os.replace(folder / f"{path.name}.part.npz", path)

    with strategy.scope():
        for group, names in GROUPS.items():
            trained = {name: train(name) for name in names}
            write(group, {n: results(*trained[n]) for n in names})
            if "mean_teacher" in names:
                scores = evaluate(trained["mean_teacher"][0])
                write("evaluation", {"mean_teacher": scores})
            if BATCH_NORM in names:
                straight = results(*trained[BATCH_NORM])
        found = {}
        for name in FLOAT16:
            trainer, _ = train(name, policy="mixed_float16")
            found[name] = results(trainer.student, {})
        write("float16", found)
        killed = results(*train_killed(BATCH_NORM, folder / "checkpoints"))
        write("killed", {"killed": killed, "straight": straight})
        trainer, history = train(BATCH_NORM, batch_norm=True)
    values = results(trainer, history)
    if distribute.is_chief():
        trainer.save(folder / "chief.keras")
        trainer.inference_model.save(folder / "inference_model.keras")
    write("batch_norm", {"batch_norm": values})


if __name__ == "__main__":
    main()
