"""Batch normalization by TensorFlow's kernel, held to Keras's own layer."""

import copy
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import compiled
from training import REORDERED_SUMS, assert_same_weights

from kconsist import FixMatch, SelfTrainer, ema
from kconsist.trainer import _fused_batch_norm, _keras

BatchNormalization = keras.layers.BatchNormalization
KERNEL = "FusedBatchNormV3"


@pytest.fixture
def calls(monkeypatch):
    """The calls of the kernel, as (mode, dtype of the inputs)."""
    calls = []
    kernel = tf.raw_ops.FusedBatchNormV3

    def counted(**arguments):
        calls.append((arguments["is_training"], arguments["x"].dtype.name))
        return kernel(**arguments)

    monkeypatch.setattr(tf.raw_ops, KERNEL, counted)
    return calls


def drawn(rng, shape, dtype="float32"):
    """Returns activations whose channels differ in mean and deviation."""
    deviations = np.linspace(0.5, 3.0, shape[-1])
    means = np.linspace(-4.0, 4.0, shape[-1])
    return (rng.normal(size=shape) * deviations + means).astype(dtype)


def layer(shape, **options):
    built = BatchNormalization(momentum=0.9, **options)
    built.build(shape)
    rng = np.random.default_rng(1)
    for weight in built.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return built


def run(normalize, inputs, training):
    """Returns outputs, gradients of a loss, and moving statistics."""
    inputs = tf.convert_to_tensor(inputs)
    coefficients = np.random.default_rng(2).normal(size=inputs.shape)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = normalize(inputs, training=training)
        product = tf.cast(outputs, "float32") * coefficients.astype("float32")
        loss = tf.reduce_sum(product**2)
    variables = [inputs, *(v.value for v in normalize.trainable_weights)]
    gradients = tape.gradient(loss, variables)
    statistics = [normalize.moving_mean, normalize.moving_variance]
    return [np.array(a, "float32") for a in (outputs, *gradients, *statistics)]


def both(inputs, training, **options):
    """Returns what `run` does with Keras's layer, and with the kernel."""
    ours = layer(inputs.shape, **options)
    expected = run(layer(inputs.shape, **options), inputs, training)
    with _fused_batch_norm.fused_batch_norm([ours]):
        found = run(ours, inputs, training)
    return expected, found


def assert_close(expected, found, tolerance):
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(
            b, a, rtol=tolerance, atol=tolerance * np.abs(a).max()
        )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": False},
        {"center": False},
        {"epsilon": 1e-6, "axis": 3},
        {"trainable": False},
    ],
    ids=str,
)
def test_it_is_kerass_layer_to_rounding(training, options, rng, calls):
    inputs = drawn(rng, (5, 4, 3, 8))
    assert_close(*both(inputs, training, **options), 2e-5)
    frozen = options.get("trainable") is False
    assert calls == [(training and not frozen, "float32")]


def test_moving_variance_is_the_biased_one_of_the_paper(rng):
    """As Keras: not the kernel's own, which divides by N - 1."""
    inputs = drawn(rng, (2, 1, 2, 3))
    ours = layer(inputs.shape)
    before = np.array(ours.moving_variance)
    with _fused_batch_norm.fused_batch_norm([ours]):
        ours(inputs, training=True)
    expected = 0.9 * before + 0.1 * inputs.var(axis=(0, 1, 2))
    np.testing.assert_allclose(ours.moving_variance, expected, rtol=1e-5)


def test_one_value_per_channel_has_no_variance():
    expected, found = both(np.ones((1, 1, 1, 4), "float32"), True)
    assert_close(expected, found, 1e-6)
    assert np.isfinite(found[-1]).all()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "policy, tolerance",
    [
        ("mixed_float16", 2e-3),
        ("float16", 2e-3),
        ("mixed_bfloat16", 1.6e-2),
        ("bfloat16", 1.6e-2),
    ],
)
def test_low_precision_differs_by_its_rounding(
    policy, tolerance, training, rng, calls
):
    dtype = policy.removeprefix("mixed_")
    inputs = tf.cast(drawn(rng, (6, 5, 4, 8)), dtype)
    expected, found = both(inputs, training, dtype=policy)
    assert_close(expected, found, tolerance)
    assert calls == [(training, dtype)]


@pytest.mark.parametrize(
    "shape, options",
    [
        ((6, 8), {}),
        ((6, 5, 8), {}),
        ((3, 4, 2, 5), {"axis": 1}),
        ((3, 4, 2, 5), {"dtype": "float64"}),
        ((2, 2, 2, 2, 3), {}),
    ],
    ids=str,
)
def test_other_inputs_are_left_to_keras(shape, options, rng, calls):
    inputs = drawn(rng, shape, options.get("dtype", "float32"))
    expected, found = both(inputs, True, **options)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert calls == []


def test_masks_are_left_to_keras(rng, calls):
    inputs = drawn(rng, (2, 3, 4, 5))
    mask = rng.uniform(size=(2, 3, 4)) < 0.5
    one, other = layer(inputs.shape), layer(inputs.shape)
    with _fused_batch_norm.fused_batch_norm([one]):
        found = one(inputs, training=True, mask=mask)
    expected = other(inputs, training=True, mask=mask)
    np.testing.assert_array_equal(found, expected)
    assert calls == []


@pytest.mark.skipif(
    "renorm" not in inspect.signature(BatchNormalization).parameters,
    reason="this Keras has no batch renormalization",
)
def test_renormalization_is_left_to_keras(rng, calls):
    expected, found = both(drawn(rng, (2, 3, 4, 5)), True, renorm=True)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert calls == []


def test_subclasses_and_patched_layers_keep_their_own_call(rng, calls):
    class Doubled(BatchNormalization):
        def call(self, inputs, training=None, mask=None):
            return 2 * super().call(inputs, training=training)

    doubled = Doubled()
    patched = layer((2, 3, 4, 5))
    vars(patched)["call"] = own = lambda inputs, training=None: inputs
    inputs = drawn(rng, (2, 3, 4, 5))
    with _fused_batch_norm.fused_batch_norm([doubled, patched]):
        found = doubled(inputs)
        assert vars(patched)["call"] is own
    np.testing.assert_allclose(found, 2 * inputs / np.sqrt(1.001), rtol=1e-5)
    assert vars(patched)["call"] is own and calls == []


def test_nested_blocks_end_with_the_last():
    """As the threads that trace the replicas of a strategy nest them."""
    ours = layer((2, 3, 4, 5))
    first = _fused_batch_norm.fused_batch_norm([ours])
    second = _fused_batch_norm.fused_batch_norm([ours])
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert "call" in vars(ours)
    second.__exit__(None, None, None)
    assert "call" not in vars(ours) and not _fused_batch_norm._users


def test_an_error_ends_the_block():
    ours = layer((2, 3, 4, 5))
    with pytest.raises(KeyError), _fused_batch_norm.fused_batch_norm([ours]):
        raise KeyError
    assert "call" not in vars(ours)


def network():
    """A network with a nested one, a frozen layer and one that is shared."""
    keras.utils.set_random_seed(0)
    shared = BatchNormalization(momentum=0.8, name="shared")
    frozen = BatchNormalization(trainable=False, name="frozen")
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = shared(keras.layers.Conv2D(4, 3)(x))
    block = [keras.layers.Conv2D(4, 3), BatchNormalization(momentum=0.9)]
    x = shared(keras.Sequential(block)(x))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(frozen(x)))
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def image_batches(rng, views=FixMatch.views, steps=3, size=4):
    count = steps * size
    images = {name: drawn(rng, (count, 8, 8, 3)) * 20 + 120 for name in views}
    labels = rng.integers(0, 3, count)
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(size)


def fitted(trainer, data, **options):
    compiled(trainer, keras.optimizers.SGD(0.05), **options)
    trainer.fit(data, epochs=2, verbose=0)
    return trainer


@pytest.mark.parametrize(
    "options", [{}, {"run_eagerly": True}, {"jit_compile": True}], ids=str
)
def test_a_trainer_learns_the_same_with_it(options, rng, calls):
    data = image_batches(rng)
    arguments = dict(threshold=0.0, ema_decay=0.9)
    plain = FixMatch(network(), fused_batch_norm=False, **arguments)
    fitted(plain, data, **options)
    assert calls == []
    fused = fitted(FixMatch(network(), **arguments), data, **options)
    assert_same_weights(plain, fused, **REORDERED_SUMS)
    xla = options.get("jit_compile", False)
    assert bool(calls) != xla  # XLA fuses Keras's operations itself.


def test_replicas_learn_the_same_with_it(rng, mirrored, calls):
    data = image_batches(rng)
    with mirrored.scope():
        plain = FixMatch(network(), threshold=0.0, fused_batch_norm=False)
        fused = FixMatch(network(), threshold=0.0)
        fitted(plain, data)
        assert calls == []
        fitted(fused, data)
    assert calls
    assert_same_weights(plain, fused, **REORDERED_SUMS)


def test_synchronized_statistics_are_left_to_keras(rng, mirrored, calls):
    def synchronized():
        layers = [
            keras.Input((8, 8, 3)),
            BatchNormalization(synchronized=True),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
        return keras.Sequential(layers)

    data = image_batches(rng, steps=1)
    with mirrored.scope():
        trainer = compiled(FixMatch(synchronized()))
    trainer.fit(data, verbose=0)
    assert calls == []
    compiled(FixMatch(synchronized())).fit(data, verbose=0)
    assert calls


def test_a_teacher_in_inference_mode_runs_it_as_well(rng, calls):
    data = image_batches(rng, SelfTrainer.views)
    trained = []
    for fused in (False, True):
        trainer = SelfTrainer(network(), network(), fused_batch_norm=fused)
        trained.append(fitted(trainer, data))
    assert_same_weights(*trained, **REORDERED_SUMS)
    training = calls.count((True, "float32"))
    # Three calls of the student; one of its frozen layer, four of the teacher.
    assert training > 0 and 8 * training == 3 * len(calls)


def test_nothing_of_it_stays(rng, tmp_path):
    student = network()
    config = str(student.get_config())
    trainer = fitted(FixMatch(student, ema_decay=0.9), image_batches(rng))
    assert len(_normalizations(trainer)) == 6  # And those of the average.
    for normalization in _normalizations(trainer):
        assert "call" not in vars(normalization)
    assert str(student.get_config()) == config
    trainer.student.save(tmp_path / "student.keras")
    inputs = np.ones((2, 8, 8, 3), "float32")
    expected = trainer.student(inputs)
    for student in (
        keras.models.load_model(tmp_path / "student.keras"),
        copy.deepcopy(trainer.student),
        keras.models.clone_model(trainer.student),
        ema.make_teacher(trainer.student),
    ):
        student.set_weights(trainer.student.get_weights())
        np.testing.assert_array_equal(student(inputs), expected)
        for normalization in _normalizations(student):
            assert type(normalization) is BatchNormalization
            assert "call" not in vars(normalization)


def _normalizations(model):
    layers = _keras.all_layers(model)
    return [part for part in layers if isinstance(part, BatchNormalization)]


def test_a_trainer_keeps_the_choice():
    assert FixMatch(network()).fused_batch_norm
    assert "fused_batch_norm" not in FixMatch(network()).get_config()
    trainer = FixMatch(network(), fused_batch_norm=False)
    copied = FixMatch.from_config(trainer.get_config())
    assert copied.fused_batch_norm is False
