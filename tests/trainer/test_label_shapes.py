"""Labels of shape (batch, 1), as in keras.datasets, are taken as (batch,).

`contract/test_labels.py` tests them with every method.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import METHODS, arrays, compiled, network

from kconsist import (
    Distiller,
    NoisyStudent,
    layers,
    losses,
    targets,
)

CLASSES = 3


def test_arrays_of_a_column_of_uint8_train_as_rows():
    method = METHODS["distiller"]
    rng = np.random.default_rng(0)
    points = rng.normal(size=(32, 6)).astype("float32")
    labels = rng.integers(0, CLASSES, 32)
    histories = []
    for given in (labels, labels[:, None].astype("uint8")):
        trainer = method.make(network())
        trainer.compile(
            keras.optimizers.SGD(0.1),
            losses.SmoothedCrossEntropy(0.1),
            metrics=["accuracy"],
            run_eagerly=True,
        )
        histories.append(
            trainer.fit(
                points,
                given,
                batch_size=16,
                shuffle=False,
                validation_data=(points, given),
                verbose=0,
            ).history
        )
    for key, value in histories[0].items():
        np.testing.assert_allclose(histories[1][key], value, rtol=1e-6)


def test_smoothed_cross_entropy_of_a_column():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (7, 4)).astype("float32")
    labels = rng.integers(0, 4, 7)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -0.9 * log_p[np.arange(7), labels] - 0.1 * log_p.mean(axis=1)
    loss = losses.SmoothedCrossEntropy(0.1)
    for given in (labels, labels[:, None]):
        np.testing.assert_allclose(
            loss(given, logits), expected.mean(), rtol=1e-5
        )


@pytest.mark.parametrize("margin", [0.0, None])
def test_soft_triplets_of_a_column(margin):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 6, 5)).astype("float32")
    labels = np.array([0, 0, 1, 1, 2, 2])
    loss = losses.SoftTripletLoss(margin=margin)
    np.testing.assert_array_equal(
        loss(first, second, labels), loss(first, second, labels[:, None])
    )


def test_queues_take_a_column_of_labels():
    keys = np.arange(12.0).reshape(3, 4)
    labels, queues = np.array([1, 0, 1]), []
    for given in (labels, labels[:, None]):
        layer = layers.ClassQueues(2, length=2, features=4, seed=0)
        layer.enqueue(keys, given)
        assert layer(given).shape == (3, 2, 4)
        queues.append(np.array(layer.queues))
    np.testing.assert_array_equal(*queues)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_class_indices_drop_an_axis_of_one(shape):
    found = targets.class_indices(np.zeros(shape, "uint8"))
    assert tuple(found.shape) == (4,)
    assert found.dtype == tf.uint8


def linear(classes):
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(classes)])


@pytest.mark.parametrize(
    "dtype, classes", [("uint8", 256), ("uint8", 300), ("int8", 200)]
)
def test_narrow_labels_of_many_classes_are_in_range(dtype, classes):
    trainer = compiled(Distiller(linear(classes), linear(classes)))
    points = np.zeros((4, 6), "float32")
    labels = np.array([0, 1, 126, 127], dtype)
    batches = tf.data.Dataset.from_tensors((points, labels))
    history = trainer.fit(batches, verbose=0).history
    assert history["supervised_loss"] == [pytest.approx(np.log(classes))]


def test_narrow_index_of_many_examples_is_in_range():
    method = METHODS["noisy_student"]
    views, labels = arrays(method, steps=1)
    views["index"] = views["index"].astype("int16")
    trainer = compiled(NoisyStudent(network(), np.zeros((40_000, 3))))
    batches = tf.data.Dataset.from_tensor_slices((views, labels))
    history = trainer.fit(batches, verbose=0).history
    # The cached logits are 0: their target is uniform.
    assert history["consistency_loss"][0] >= np.log(3) - 1e-6


@pytest.mark.parametrize("dtype", ["float64", "int64"])
@pytest.mark.parametrize("name", ["uda", "mixmatch", "self_trainer_unlabeled"])
def test_sample_weights_of_any_dtype(name, dtype):
    method, options = METHODS[name], {}
    if name == "uda":
        options["signal_annealing"] = 0.5
    views, labels = arrays(method, steps=1)
    weight = (np.arange(labels.size) % 3).reshape(labels.shape)
    losses_ = []
    for given in ("float32", dtype):
        trainer = compiled(method.make(network(), **options), run_eagerly=True)
        batches = tf.data.Dataset.from_tensor_slices(
            (views, labels, weight.astype(given))
        )
        losses_.append(trainer.fit(batches, verbose=0).history["loss"])
    assert losses_[0] == losses_[1]


def test_zipped_halves_may_have_labels_of_other_shapes():
    points = np.ones((8, 6), "float32")
    labels = np.arange(8) % CLASSES
    halves = (points, labels), (points, labels[:, None].astype("uint8"))
    trainer = compiled(METHODS["self_trainer"].make(network()))
    trainer.fit(tf.data.Dataset.from_tensors(halves), verbose=0)


NEED_INDICES = "uda", "mixmatch", "self_tuning", "mutual_mean_teaching"


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("name", NEED_INDICES)
def test_methods_that_need_indices_refuse_one_hot_labels(name, dtype):
    """As many examples as classes, so that shapes would broadcast."""
    method, options = METHODS[name], {}
    if name == "uda":
        options["signal_annealing"] = 0.5
    views, labels = arrays(method, steps=1)
    views = {key: view[:, :CLASSES] for key, view in views.items()}
    one_hot = np.eye(CLASSES, dtype=dtype)[labels[:, :CLASSES]]
    trainer = method.make(network(), **options)
    trainer.compile(
        "sgd",
        keras.losses.CategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    batches = tf.data.Dataset.from_tensor_slices((views, one_hot))
    words = r"labels must be class indices .* got shape \(3, 3\)"
    with pytest.raises(ValueError, match=words):
        trainer.fit(batches, verbose=0)


def test_losses_of_indices_refuse_one_hot_labels():
    one_hot, values = np.eye(CLASSES), np.ones((CLASSES, CLASSES), "float32")
    words = "labels must be class indices"
    with pytest.raises(ValueError, match=words):
        losses.SmoothedCrossEntropy()(one_hot, values)
    with pytest.raises(ValueError, match=words):
        losses.SoftTripletLoss()(values, values, one_hot)
    with pytest.raises(ValueError, match=words):
        layers.ClassQueues(CLASSES, length=2, features=3)(one_hot)


@pytest.mark.parametrize("shape", [None, (None, None)])
@pytest.mark.parametrize("name", ["labels", "sample_weight"])
def test_unknown_shapes_are_refused(name, shape):
    """A column that is not known to be one would broadcast in a graph."""
    ones = {"labels": np.ones((8, 1), int), "sample_weight": np.ones((8, 1))}
    specs = {"labels": (None,), "sample_weight": (None,), name: shape}
    ones = {key: v if key == name else v[:, 0] for key, v in ones.items()}
    batches = tf.data.Dataset.from_generator(
        lambda: [(np.ones((8, 6)), ones["labels"], ones["sample_weight"])],
        output_signature=(
            tf.TensorSpec((None, 6)),
            tf.TensorSpec(specs["labels"], "int64"),
            tf.TensorSpec(specs["sample_weight"]),
        ),
    )
    trainer = METHODS["distiller"].make(network())
    trainer.compile("sgd", losses.SmoothedCrossEntropy())
    words = rf"{name} must have a known shape, \(batch,\) or \(batch, 1\)"
    with pytest.raises(ValueError, match=words):
        trainer.fit(batches, verbose=0)
