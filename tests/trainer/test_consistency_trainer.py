"""What the shared trainer does beyond the contract of the methods."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import METHODS, arrays, batches, compiled, network, weights

from kconsist import (
    ConsistencyTrainer,
    FixMatch,
    SelfTrainer,
    data,
    distribute,
    views,
)


def test_forward_together_equals_separate_passes(rng):
    trainer = FixMatch(network())
    first = rng.normal(size=(4, 6)).astype("float32")
    second = rng.normal(size=(9, 6)).astype("float32")
    together = trainer.forward_together(first, second)
    for view, logits in zip((first, second), together, strict=True):
        np.testing.assert_allclose(
            logits, trainer.forward(view), rtol=1e-5, atol=1e-6
        )


def test_means_of_the_last_smaller_batch_weigh_as_its_examples():
    views_, labels = arrays(METHODS["self_trainer"], steps=2)
    flat = {k: v.reshape(-1, 6)[:12] for k, v in views_.items()}
    dataset = tf.data.Dataset.from_tensor_slices((flat, labels.ravel()[:12]))
    still = keras.optimizers.SGD(0.0)
    trainer = compiled(SelfTrainer(network(), network(seed=7)), still)
    history = trainer.fit(dataset.batch(8), verbose=0).history  # 8, then 4.
    whole = trainer.objective(
        {k: tf.constant(v) for k, v in flat.items()},
        tf.constant(labels.ravel()[:12]),
    )[0]
    assert history["loss"][0] == pytest.approx(float(whole), rel=1e-5)


def test_evaluate_is_the_students_own():
    (views_, labels) = arrays(METHODS["fixmatch"])
    trainer = compiled(FixMatch(network(l2=0.1)))
    student = compiled(network(l2=0.1))
    examples = views_["labeled"][0], labels[0]
    np.testing.assert_allclose(
        trainer.evaluate(*examples, verbose=0),
        student.evaluate(*examples, verbose=0),
        rtol=1e-6,
    )


def test_call_takes_views_or_images():
    (views_, _) = arrays(METHODS["fixmatch"])
    batch = {k: v[0] for k, v in views_.items()}
    trainer = FixMatch(network())
    np.testing.assert_array_equal(trainer(batch), trainer(batch["labeled"]))


def test_validation_takes_batches_of_views():
    method = METHODS["fixmatch"]
    trainer = compiled(FixMatch(network()))
    history = trainer.fit(
        batches(method), validation_data=batches(method), verbose=0
    ).history
    assert "val_loss" in history and "val_mask_rate" not in history


@pytest.mark.parametrize("replicas", [1, 2])
def test_scaled_means_sum_to_the_mean(replicas, mirrored):
    values = tf.constant([1.0, 2.0, 6.0, 7.0])
    if replicas == 1:
        assert float(distribute.scaled_mean(values)) == 4.0
        return
    dataset = tf.data.Dataset.from_tensors(values).unbatch().batch(4)
    (batch,) = mirrored.experimental_distribute_dataset(dataset)
    shares = mirrored.run(distribute.scaled_mean, args=(batch,))
    assert float(mirrored.reduce("SUM", shares, axis=None)) == 4.0


def test_early_stopping_and_checkpoints_work(tmp_path):
    method = METHODS["mean_teacher"]
    trainer = compiled(method.make(network()))
    path = tmp_path / "best.weights.h5"
    history = trainer.fit(
        batches(method),
        validation_data=batches(method),
        epochs=3,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=5),
            keras.callbacks.ModelCheckpoint(path, save_weights_only=True),
            keras.callbacks.BackupAndRestore(tmp_path / "backup"),
        ],
        verbose=0,
    )
    assert path.exists() and len(history.epoch) == 3


EXPORTED = ["self_trainer", "mean_teacher", "fixmatch_average"]


@pytest.mark.parametrize("name", EXPORTED)
def test_export_predicts_as_predict_does(name, tmp_path):
    method = METHODS[name]
    images = arrays(method)[0][method.trained_on][0]
    trainer = compiled(method.make(network()))
    trainer.fit(batches(method), verbose=0)
    expected = trainer.predict(images, verbose=0)
    trainer.export(tmp_path / "model", verbose=False)
    served = tf.saved_model.load(tmp_path / "model")
    np.testing.assert_allclose(
        served.serve(images), expected, rtol=1e-5, atol=1e-6
    )


def test_summary_counts_a_teacher_as_not_trained(capsys):
    trainer = compiled(SelfTrainer(network(), network(seed=7)))
    trainer.summary()
    lines = capsys.readouterr().out
    size = network().count_params()
    assert f"Trainable params: {size} " in lines
    assert f"Non-trainable params: {size} " in lines


@pytest.mark.slow
def test_inference_models_predict_without_the_package(tmp_path):
    images = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
    np.save(tmp_path / "images.npy", images)
    expected = {}
    for name in EXPORTED:
        trainer = METHODS[name].make(network(batch_norm=True))
        trainer.inference_model.save(tmp_path / f"{name}.keras")
        expected[name] = trainer.predict(images, verbose=0)
    code = (
        "import keras, numpy as np, os, sys; os.chdir(sys.argv[1]); "
        "images = np.load('images.npy'); load = keras.models.load_model; "
        "found = {n: load(n + '.keras')(images) for n in sys.argv[2:]}; "
        "np.savez('found.npz', **found); assert 'kconsist' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code, tmp_path, *EXPORTED], check=True
    )
    found = np.load(tmp_path / "found.npz")
    for name in EXPORTED:
        np.testing.assert_allclose(
            found[name], expected[name], rtol=1e-5, atol=1e-6
        )


def test_new_method_is_a_screen_of_its_own():
    """A user's subclass gets compile, fit, logs, replicas and files."""

    @keras.saving.register_keras_serializable(package="tests")
    class EntropyMinimization(ConsistencyTrainer):
        views = ("labeled", "unlabeled")
        logs = ("entropy",)

        def objective(self, views, labels, sample_weight=None):
            logits, free = self.forward_together(
                views["labeled"], views["unlabeled"]
            )
            p = keras.ops.softmax(free)
            entropy = distribute.scaled_mean(
                -keras.ops.sum(p * keras.ops.log_softmax(free), axis=-1)
            )
            supervised = self.compute_loss(views, labels, logits)
            return supervised + entropy, logits, dict(entropy=entropy)

    (views_, labels) = arrays(METHODS["fixmatch"])
    dataset = tf.data.Dataset.from_tensor_slices(
        (
            {"labeled": views_["labeled"], "unlabeled": views_["weak"]},
            labels,
        )
    )
    trainer = compiled(EntropyMinimization(network()))
    history = trainer.fit(dataset, epochs=20, verbose=0).history
    assert history["entropy"][-1] < 0.5 * history["entropy"][0]


@pytest.mark.slow
def test_trains_on_the_packages_own_data():
    train, test = data.load("moons")
    student = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(2),
        ]
    )
    batches_ = data.semi_supervised(
        train,
        train.images,
        weak=views.Identity(),
        strong=views.Jitter(radius=0.25),
        batch_size=16,
    )
    trainer = compiled(FixMatch(student), keras.optimizers.Adam(0.01))
    trainer.fit(batches_, epochs=40, verbose=0)
    scores = trainer.evaluate(*test, verbose=0, return_dict=True)
    assert scores["accuracy"] > 0.95


def test_teacher_may_be_frozen_or_not():
    for trainable in (True, False):
        teacher = network(seed=7, batch_norm=True)
        teacher.trainable = trainable
        trainer = compiled(SelfTrainer(network(), teacher))
        before = weights(teacher)
        trainer.fit(batches(METHODS["self_trainer"]), verbose=0)
        assert teacher.trainable is trainable
        for a, b in zip(before, weights(teacher), strict=True):
            np.testing.assert_array_equal(a, b)
