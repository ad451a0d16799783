"""Reading without autotuning: the same elements, as parallel as with it."""

import threading

import pytest
import tensorflow as tf

from kconsist.data._autotuning import without_autotuning


def with_threads(dataset, threads):
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return dataset.with_options(options)


class Counted:
    """A function of integers that counts its calls, and those at one time.

    Args:
        meet: number of calls that wait for each other, at most 10 seconds.
    """

    def __init__(self, meet=1):
        self.barrier = threading.Barrier(meet)
        self.lock = threading.Lock()
        self.calls = self.running = self.most = 0

    def __call__(self, value):
        with self.lock:
            self.calls += 1
            self.running += 1
            self.most = max(self.most, self.running)
        self.barrier.wait(timeout=10)
        with self.lock:
            self.running -= 1
        return value

    def in_graph(self, value):
        value = tf.numpy_function(self, [value], tf.int64, stateful=False)
        return tf.ensure_shape(value, ())


def values(dataset):
    return [batch.numpy().tolist() for batch in dataset]


PIPELINES = {
    "map": lambda numbers, f: numbers.map(f),
    "map_and_batch": lambda numbers, f: numbers.map(f).batch(2),
    "autotune": lambda numbers, f: numbers.map(f, tf.data.AUTOTUNE),
    "interleave": lambda numbers, f: numbers.interleave(
        lambda number: tf.data.Dataset.from_tensors(number).map(f),
        cycle_length=2,
        num_parallel_calls=tf.data.AUTOTUNE,
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_calls_run_in_parallel(name):
    counted = Counted(meet=2)
    numbers = tf.data.Dataset.range(8)
    dataset = PIPELINES[name](numbers, counted.in_graph)
    dataset = without_autotuning(with_threads(dataset, 2))
    assert sum(len(x) if isinstance(x, list) else 1 for x in values(dataset))
    assert counted.calls == 8 and counted.most >= 2


def test_more_than_sixteen_calls_run_in_parallel(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 20)
    counted = Counted(meet=20)
    dataset = tf.data.Dataset.range(20).map(counted.in_graph)
    assert values(without_autotuning(with_threads(dataset, 20)))
    assert counted.most == 20


def test_the_size_of_the_thread_pool_holds():
    counted = Counted()
    dataset = tf.data.Dataset.range(8).map(counted.in_graph)
    values(without_autotuning(with_threads(dataset, 1)))
    assert counted.most == 1


@pytest.mark.parametrize("option", ["map_parallelization", "parallel_batch"])
def test_a_rewrite_that_is_off_stays_off(option):
    options = tf.data.Options()
    setattr(options.experimental_optimization, option, False)
    dataset = tf.data.Dataset.range(8).batch(2).map(lambda x: x + 1)
    operations = graph(without_autotuning(dataset.with_options(options)))
    sequential = {
        "map_parallelization": "MapDataset",
        "parallel_batch": "BatchDatasetV2",
    }
    for name, operation in sequential.items():
        assert (operation in operations) == (name == option)


def test_default_rewrites_that_are_off_stay_off():
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    dataset = tf.data.Dataset.range(8).batch(2).map(lambda x: x + 1)
    before = graph(dataset.with_options(options))
    assert graph(without_autotuning(dataset.with_options(options))) == before


def graph(dataset):
    """Returns the operations of a dataset, but not its options."""
    text = tf.raw_ops.DatasetToGraphV2(
        input_dataset=tf.data.experimental.to_variant(dataset),
        external_state_policy=1,
    )
    nodes = tf.compat.v1.GraphDef.FromString(text.numpy()).node
    names = {node.op for node in nodes if "Dataset" in node.op}
    return names - {"OptionsDataset"}


@pytest.mark.parametrize("enabled", [True, False])
def test_an_explicit_setting_stays(enabled):
    options = tf.data.Options()
    options.autotune.enabled = enabled
    dataset = tf.data.Dataset.range(8).with_options(options)
    assert without_autotuning(dataset) is dataset


def test_what_has_no_tensors_is_unchanged():
    ragged = tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[1], [2]]))
    assert without_autotuning(ragged) is ragged
    assert without_autotuning([1, 2]) == [1, 2]


def test_options_elements_and_cardinality_stay():
    options = tf.data.Options()
    options.deterministic = False
    options.autotune.initial_parallelism = 3
    pairs = tf.data.Dataset.from_tensor_slices({"x": [[1, 2]] * 5})
    dataset = pairs.map(lambda x: (x, x["x"][0])).batch(2)
    dataset = dataset.with_options(options)
    read = without_autotuning(dataset)
    assert read.element_spec == dataset.element_spec
    assert read.cardinality() == 3
    assert read.options().deterministic is False
    assert read.options().autotune.initial_parallelism == 3
    assert read.options().autotune.enabled is False
    for (views, first), (same, number) in zip(dataset, read, strict=True):
        assert (views["x"].numpy() == same["x"].numpy()).all()
        assert (first.numpy() == number.numpy()).all()


def test_each_epoch_is_shuffled_as_with_autotuning():
    def epochs(read):
        numbers = tf.data.Dataset.range(20).shuffle(20, seed=1).repeat(2)
        return [values(read(numbers)) for _ in range(3)]

    orders = epochs(without_autotuning)
    assert orders == epochs(lambda numbers: numbers)
    assert orders[0] != orders[1]


def test_a_cache_is_filled_once():
    counted = Counted()
    cached = tf.data.Dataset.range(8).map(counted.in_graph).cache()
    for dataset in (cached, without_autotuning(cached)):
        assert values(dataset) == list(range(8))
    assert counted.calls == 8


def test_python_functions_outlive_the_dataset_they_belong_to():
    def build():
        dataset = tf.data.Dataset.range(3).map(Counted().in_graph)
        return without_autotuning(dataset)

    assert values(build()) == [0, 1, 2]
