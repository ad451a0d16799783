"""float16 and bfloat16 on convolutional networks, held to float32."""

import float16
import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import METHODS, batches, compiled, network, weights

from kconsist import VAT, ema, models, targets


def in_policy(name, make):
    keras.config.set_dtype_policy(name)
    try:
        return make()
    finally:
        keras.config.set_dtype_policy("float32")


def convolutional():
    """Some layers of each kind that float16 is hard on."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((float16.SIDE, float16.SIDE, 3)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(8, 3, strides=2),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Conv2D(8, 3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, dtype="float32"),
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_float16_on_convolutions_is_as_float32(name):
    options = dict(steps=3, network=convolutional, run_eagerly=True)
    single = float16.losses(name, "float32", **options)
    half = float16.losses(name, "mixed_float16", **options)
    # VAT's probe moves a pixel by about 0.5, and float16 near 200 by 0.125.
    tolerance = 2e-2 if name == "vat" else 5e-3
    np.testing.assert_allclose(half, single, atol=tolerance)
    assert np.any(half != single)


def virtual_adversary(policy):
    keras.utils.set_random_seed(0)
    student = in_policy(
        policy,
        lambda: models.WideResNet(
            depth=10, width=1, num_classes=10, input_shape=(16, 16, 3)
        ),
    )
    return compiled(VAT(student, epsilon=3 * 127.5))


def test_vat_finds_the_same_perturbation_in_float16(rng):
    images = rng.integers(0, 256, (6, 16, 16, 3)).astype("float32")
    found, consistency = [], []
    for policy in ("float32", "mixed_float16"):
        trainer = virtual_adversary(policy)
        trainer.optimizer.build(trainer.trainable_variables)
        target = targets.soft_targets(trainer.forward_frozen_stats(images))
        r = trainer.perturbation(images, target)
        moved = trainer.forward_frozen_stats(images + r)
        found.append(np.reshape(r, (6, -1)))
        consistency.append(float(trainer.divergence(target, moved)))
    single, half = found
    lengths = np.linalg.norm(half, axis=1)
    np.testing.assert_allclose(lengths, 3 * 127.5, rtol=1e-3)
    cosine = np.sum(single * half, axis=1) / lengths**2
    assert cosine.min() > 0.98
    assert consistency[0] > 1e-2
    np.testing.assert_allclose(consistency[1], consistency[0], rtol=0.05)


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
def test_averages_are_float32_whatever_the_student_is(policy):
    method = METHODS["mean_teacher"]
    student = in_policy(policy, lambda: network(batch_norm=True))
    assert policy in {v.dtype for v in student.weights}
    trainer = method.make(student, decay=0.999, warmup=None)
    assert {v.dtype for v in trainer.teacher.weights} == {"float32"}
    # A plain optimizer: this tests only the average.
    compiled(trainer, keras.optimizers.SGD(0.5), run_eagerly=True)
    expected = weights(trainer.teacher)
    kernels = []
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: kernels.append(
            np.array(student.weights[0], "float32")
        )
    )
    trainer.fit(batches(method, steps=8), callbacks=[record], verbose=0)
    average = expected[0]
    for kernel in kernels:
        average = 0.999 * average + 0.001 * kernel
    found = weights(trainer.teacher)[0]
    np.testing.assert_allclose(found, average, rtol=1e-5, atol=1e-7)
    assert np.abs(found - expected[0]).max() > 1e-5


def test_a_bfloat16_student_with_batch_norm_trains_on_replicas(mirrored):
    """Beside it, its average has statistics in float32."""
    method = METHODS["mean_teacher"]
    with mirrored.scope():
        student = keras.Sequential(
            [
                keras.Input((6,)),
                keras.layers.Dense(4, dtype="bfloat16"),
                keras.layers.BatchNormalization(dtype="bfloat16"),
                keras.layers.Dense(3, dtype="bfloat16"),
            ]
        )
        trainer = compiled(method.make(student))
    trainer.fit(batches(method, steps=1), verbose=0)
    for network_, dtype in (
        (trainer.student, "bfloat16"),
        (trainer.teacher, "float32"),
    ):
        mean = network_.layers[1].moving_mean
        assert mean.dtype == dtype and np.abs(mean).max() > 0
        first, second = mirrored.experimental_local_results(mean.value)
        np.testing.assert_array_equal(first, second)


def test_a_float32_average_loads_without_the_package(tmp_path):
    method = METHODS["fixmatch_average"]
    student = in_policy("bfloat16", lambda: network(batch_norm=True))
    trainer = method.make(student, ema_decay=0.5)
    trainer.inference_model.save(tmp_path / "average.keras")
    loaded = keras.models.load_model(tmp_path / "average.keras")
    points = np.ones((2, 6), "float32")
    np.testing.assert_array_equal(
        loaded(points), trainer.inference_model(points)
    )
    assert loaded.layers[0].compute_dtype == "bfloat16"


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """A model whose layer takes the global policy, or insists on its own."""

    def __init__(self, own=None, **kwargs):
        super().__init__(**kwargs)
        self.own = own
        self.dense = keras.layers.Dense(3, dtype=own)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, points, training=None):
        return self.dense(points)

    def get_config(self):
        return {**super().get_config(), "own": self.own}


def built(**options):
    model = Subclassed(**options)
    model(np.zeros((1, 6), "float32"))
    return model


def test_a_subclassed_students_average_is_float32():
    student = in_policy("bfloat16", built)
    keras.config.set_dtype_policy("bfloat16")  # As where trainers are made.
    teacher = ema.make_teacher(student)
    assert keras.config.dtype_policy().name == "bfloat16"
    assert {v.dtype for v in teacher.weights} == {"float32"}


def test_an_average_that_can_not_be_float32_is_refused():
    student = built(own="bfloat16")
    with pytest.raises(ValueError, match="mixed_bfloat16"):
        ema.make_teacher(student)


def test_average_of_a_low_precision_student_is_taken_in_float32():
    keras.utils.set_random_seed(0)
    teacher = network()
    student = in_policy("bfloat16", network)
    for variable in student.weights:
        variable.assign(tf.ones_like(variable))
    for variable in teacher.weights:
        variable.assign(tf.zeros_like(variable))
    for _ in range(3):
        ema.ema_update(teacher, student, 0.999)
    for value in weights(teacher):
        np.testing.assert_allclose(value, 1 - 0.999**3, rtol=1e-4)


@pytest.mark.parametrize("epsilon", [1e-6, 0.5])
def test_vat_is_finite_where_the_probe_changes_nothing(epsilon, rng):
    """Below float16's steps, or into a network that ignores its input."""
    student = in_policy("mixed_float16", convolutional)
    if epsilon == 0.5:
        student.layers[-1].kernel.assign(np.full((8, 3), 1e-6))
    student.layers[-1].bias.assign([0.1, 0.7, -0.3])
    trainer = compiled(VAT(student, epsilon=epsilon), run_eagerly=True)
    shape = 6, float16.SIDE, float16.SIDE, 3
    images = rng.integers(0, 256, shape).astype("float32")
    target = targets.soft_targets(trainer.forward_frozen_stats(images))
    lengths = np.linalg.norm(
        np.reshape(trainer.perturbation(images, target), (6, -1)), axis=1
    )
    assert np.isfinite(lengths).all() and lengths.max() <= 1.001 * epsilon
