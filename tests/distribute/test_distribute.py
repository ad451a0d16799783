"""Strategies, their scopes, and operations across replicas."""

import contextlib
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import METHODS, arrays, batches, compiled, network
from replicas import run_on_replicas

from kconsist import FixMatch, MutualMeanTeaching, SelfTrainer, distribute
from kconsist.distribute import gather_replicas, strategies
from kconsist.trainer import _keras


def test_without_a_strategy_values_are_unchanged():
    values = tf.constant([[1.0, 2.0]])
    assert gather_replicas(values) is values


def test_gathered_rows_pass_gradients_to_their_replica(mirrored):
    rows = np.arange(8, dtype="float32").reshape(4, 2)

    def replica(part):
        with tf.GradientTape() as tape:
            tape.watch(part)
            everything = gather_replicas(part)
            assert everything.shape[1:] == (2,)
            # A gather has a sparse gradient.
            value = tf.reduce_sum(tf.gather(everything, [0, 3, 3]) ** 2)
        return everything, tape.gradient(value, part)

    everything, gradient = run_on_replicas(mirrored, replica, rows)
    for copy in mirrored.experimental_local_results(everything):
        np.testing.assert_array_equal(copy, rows)
    # Each of the two replicas has the value; the gradient is of their sum.
    expected = 2 * 2 * rows * np.array([[1], [0], [0], [2]])
    found = np.concatenate(mirrored.experimental_local_results(gradient))
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    "task, chief",
    [
        (None, True),
        ({"type": "worker", "index": 0}, True),
        ({"type": "worker", "index": 1}, False),
        ({"type": "chief", "index": 0}, True),
    ],
)
def test_only_one_process_writes_files(task, chief, monkeypatch):
    cluster = {"worker": ["a:1", "b:1"]}
    if task:
        if task["type"] == "chief":
            cluster["chief"] = ["c:1"]
        config = {"cluster": cluster, "task": task}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert distribute.is_chief() is chief


def test_the_first_worker_beside_a_chief_writes_no_files(monkeypatch):
    cluster = {"chief": ["c:1"], "worker": ["a:1"]}
    task = {"type": "worker", "index": 0}
    config = json.dumps({"cluster": cluster, "task": task})
    monkeypatch.setenv("TF_CONFIG", config)
    assert not distribute.is_chief()


@pytest.mark.parametrize(
    "workers, devices, options, expected",
    [
        (0, {}, {}, "none"),
        (1, {}, {}, "none"),
        (2, {"GPU": 2}, {}, "multiworker"),
        (0, {"GPU": 1}, {}, "none"),
        (0, {"GPU": 2}, {}, "mirrored"),
        (0, {"TPU": 8, "GPU": 2}, {}, "tpu"),
        (0, {}, {"tpu": ""}, "tpu"),
        (0, {}, {"name": "mirrored", "tpu": "mine"}, "mirrored"),
    ],
)
def test_auto_detects_the_strategy(
    workers, devices, options, expected, monkeypatch
):
    hosts = [f"host{i}:1" for i in range(workers)]
    config = {"cluster": {"worker": hosts}, "task": {"type": "worker"}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    monkeypatch.setattr(
        tf.config,
        "list_physical_devices",
        lambda kind: [kind] * devices.get(kind, 0),
    )
    monkeypatch.setattr(strategies, "_create", lambda name, tpu: name)
    found = distribute.strategy(**options)
    if expected == "none":
        assert found is tf.distribute.get_strategy()
    else:
        assert found == expected


def test_each_call_returns_the_same_strategy(mirrored):
    assert distribute.strategy("mirrored") is mirrored
    assert mirrored.num_replicas_in_sync == 2


def test_invalid_strategies_are_rejected(monkeypatch):
    with pytest.raises(ValueError, match="strategy must be one of .* 'gpus'"):
        distribute.strategy("gpus")
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match="TF_CONFIG, .*got None"):
        distribute.strategy("multiworker")


def method(name="fixmatch_average", **options):
    return METHODS[name].make(network(**options))


def test_models_of_another_scope_are_rejected(mirrored):
    student = network()
    with mirrored.scope():
        inside = network(seed=7)
        with pytest.raises(
            ValueError, match="student .* the same strategy scope"
        ):
            FixMatch(student)
        with pytest.raises(
            ValueError, match="teacher .* the same strategy scope"
        ):
            SelfTrainer(network(), teacher=student)
    with pytest.raises(ValueError, match="student .* the same strategy scope"):
        FixMatch(inside)


def test_fit_in_another_scope_is_rejected(mirrored):
    trainer = compiled(method())
    with mirrored.scope():
        with pytest.raises(ValueError, match="built outside of it"):
            trainer.fit(batches(METHODS["fixmatch"]), verbose=0)


def test_optimizer_of_another_scope_is_rejected(mirrored):
    with mirrored.scope():
        trainer = method()
    compiled(trainer, keras.optimizers.SGD(0.1))
    with pytest.raises(ValueError, match="optimizer 'sgd.*same strategy scope"):
        trainer.fit(batches(METHODS["fixmatch"]), verbose=0)


@pytest.mark.parametrize(
    "compile_options, optimizer_options, message",
    [
        ({"steps_per_execution": 2}, {}, "steps_per_execution=…. must be left"),
        ({"jit_compile": True}, {}, "jit_compile=True. must be left out"),
        ({}, {"gradient_accumulation_steps": 2}, "gradient_accumulation_steps"),
        (
            {},
            {"use_ema": True, "ema_overwrite_frequency": 3},
            "ema_overwrite_frequency must be left out .*got 3",
        ),
    ],
)
def test_options_that_fail_in_keras_are_rejected(
    compile_options, optimizer_options, message, mirrored
):
    with mirrored.scope():
        optimizer = keras.optimizers.SGD(0.1, **optimizer_options)
        trainer = compiled(method(), optimizer, **compile_options)
    with pytest.raises(ValueError, match=message):
        trainer.fit(batches(METHODS["fixmatch"]), verbose=0)


def test_batches_that_do_not_divide_are_rejected(mirrored):
    with mirrored.scope():
        trainer = compiled(method())
    odd = batches(METHODS["fixmatch"]).map(
        lambda views, labels: ({k: v[1:] for k, v in views.items()}, labels)
    )
    with pytest.raises(ValueError, match="among the 2 replicas, .* batch of 7"):
        trainer.fit(odd, verbose=0)


@pytest.mark.parametrize("name", ["fixmatch", "mixmatch", "self_trainer"])
def test_a_smaller_last_batch_is_rejected_where_it_is_read(name, mirrored):
    method_ = METHODS[name]
    with mirrored.scope():
        trainer = compiled(method_.make(network()))
    views, labels = arrays(method_, steps=1)
    views = {key: view[0] for key, view in views.items()}

    def of_size(size):
        return {k: v[: size * method_.views[k]] for k, v in views.items()}

    signature = tf.nest.map_structure(
        lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype),
        (views, labels[0]),
    )
    uneven = tf.data.Dataset.from_generator(
        lambda: ((of_size(n), labels[0][:n]) for n in (8, 8, 5)),
        output_signature=signature,
    )
    message = "among the 2 replicas: leave out .* a batch of 5"
    with pytest.raises(ValueError, match=message):
        trainer.fit(uneven, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "size, options, batch",
    [(21, {"batch_size": 8}, 5), (5, {}, 5), (20, {"batch_size": 7}, 7)],
)
def test_arrays_that_do_not_divide_are_rejected(size, options, batch, mirrored):
    with mirrored.scope():
        trainer = compiled(method("distiller"))
    points, labels = np.zeros((size, 6), "float32"), np.zeros(size, "int32")
    with pytest.raises(ValueError, match=f"2 replicas, got a batch of {batch}"):
        trainer.fit(points, labels, **options, verbose=0)
    # 12 of 24 are held out, so the batches have 8 and 4.
    points, labels = np.zeros((24, 6), "float32"), np.zeros(24, "int32")
    trainer.fit(points, labels, batch_size=8, validation_split=0.5, verbose=0)


@pytest.mark.parametrize("kind", ["PyDataset", "generator"])
def test_python_batches_that_do_not_divide_are_rejected(kind, mirrored):
    class Sizes(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, number):
            size = (8, 8, 5)[number]
            return np.zeros((size, 6), "float32"), np.zeros(size, "int32")

    with mirrored.scope():
        trainer = compiled(method("distiller"))
    given = Sizes() if kind == "PyDataset" else (item for item in Sizes())
    with pytest.raises(ValueError, match="2 replicas: .* a batch of 5"):
        trainer.fit(given, verbose=0)


@pytest.mark.slow
def test_shards_of_unknown_size_are_rejected(mirrored):
    points, labels = np.zeros((21, 6), "float32"), np.zeros(21, "int32")
    dataset = tf.data.Dataset.from_tensor_slices((points, labels))
    with mirrored.scope():
        trainer = compiled(method("distiller"))
    message = "batch sizes must be known, .* drop_remainder=True"
    with pytest.raises(ValueError, match=message):
        shards = mirrored.experimental_distribute_dataset(dataset.batch(8))
        trainer.fit(shards, verbose=0)
    even = dataset.batch(8, drop_remainder=True)
    trainer.fit(mirrored.experimental_distribute_dataset(even), verbose=0)


def test_gradient_accumulation_of_a_second_optimizer_is_rejected(mirrored):
    with mirrored.scope():
        optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
        with pytest.raises(
            ValueError, match="gradient_accumulation_steps must"
        ):
            MutualMeanTeaching(network(), network(seed=7), optimizer)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint8", "bool"])
def test_labels_of_any_dtype_are_gathered(dtype, mirrored):
    method_ = METHODS["mutual_mean_teaching"]
    views, labels = arrays(method_, steps=1)
    dataset = tf.data.Dataset.from_tensor_slices(
        (views, (labels % 2).astype(dtype))
    )
    histories = []
    for scope in (contextlib.nullcontext(), mirrored.scope()):
        with scope:
            trainer = compiled(method_.make(network()))
        histories.append(trainer.fit(dataset, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-5)


def test_arrays_that_workers_would_shuffle_are_rejected(monkeypatch):
    monkeypatch.setattr(strategies, "is_multi_worker", lambda _: True)
    views, labels = arrays(METHODS["distiller"], steps=1)
    trainer = compiled(method("distiller"))
    with pytest.raises(
        ValueError, match="each worker shuffles in its own order"
    ):
        trainer.fit(views["images"][0], labels[0], verbose=0)


def test_moving_statistics_are_means_over_replicas(mirrored):
    """So all replicas, and saved files, have the same weights."""
    views, labels = arrays(METHODS["fixmatch"], steps=1)
    with mirrored.scope():
        trainer = compiled(method(batch_norm=True))
    dense, norm = trainer.student.layers[:2]
    halves = [
        np.concatenate([np.split(view[0], 2)[i] for view in views.values()])
        @ np.array(dense.kernel)
        for i in range(2)
    ]
    dataset = tf.data.Dataset.from_tensor_slices((views, labels))
    # Already distributed, as by distribute_datasets_from_function.
    shards = mirrored.experimental_distribute_dataset(dataset)
    trainer.fit(shards, verbose=0)
    mean = 0.1 * np.mean([half.mean(0) for half in halves], axis=0)
    variance = 0.9 + 0.1 * np.mean([half.var(0) for half in halves], axis=0)
    assert np.abs(halves[0].mean(0) - halves[1].mean(0)).max() > 0.1
    for weight, expected in (
        (norm.moving_mean, mean),
        (norm.moving_variance, variance),
    ):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)
    for weight in [*trainer.weights, *trainer.optimizer.variables]:
        first, second = mirrored.experimental_local_results(weight.value)
        np.testing.assert_array_equal(first, second, err_msg=weight.path)
    points, labels = views["labeled"][0][:7], labels[0][:7]
    expected = np.array(trainer.inference_model(points, training=False))
    np.testing.assert_allclose(  # Seven points in threes, and one left.
        trainer.predict(points, batch_size=3, verbose=0), expected, atol=1e-6
    )
    scores = trainer.evaluate(
        points, labels, batch_size=3, verbose=0, return_dict=True
    )
    accuracy = np.mean(expected.argmax(-1) == labels)
    assert scores["accuracy"] == pytest.approx(accuracy)


def test_fit_reads_no_batch_in_advance(mirrored):
    """A dataset that counts epochs would otherwise start at the second."""
    views, labels = arrays(METHODS["distiller"], steps=1)
    epochs = []

    def read():
        epochs.append(len(epochs))
        yield {k: v[0] for k, v in views.items()}, labels[0]

    dataset = tf.data.Dataset.from_generator(
        read,
        output_signature=(
            {k: tf.TensorSpec(v.shape[1:]) for k, v in views.items()},
            tf.TensorSpec(labels.shape[1:], tf.int64),
        ),
    )
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(1))
    with mirrored.scope():
        trainer = compiled(method("distiller"))
    trainer.fit(dataset, epochs=2, verbose=0)
    assert epochs == [0, 1]


@pytest.mark.slow
def test_keras_has_the_private_method(monkeypatch, mirrored):
    assert hasattr(keras.Model, _keras.PRIVATE_NAME)
    assert _keras.PRIVATE_NAME in vars(_keras.Prebuilt)
    monkeypatch.setattr(_keras, "PRIVATE_NAME", "_gone")
    method()  # Not needed without a strategy.
    with mirrored.scope():
        with pytest.raises(
            RuntimeError, match="the private method keras.Model._gone"
        ):
            method()
