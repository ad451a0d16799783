import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import CLASSES, FEATURES, METHODS, batches, compiled, network
from training import first_batch

from kconsist import Distiller

KL = keras.losses.KLDivergence


def test_loss_is_hintons():
    views, labels = first_batch(METHODS["distiller"])
    trainer = compiled(
        Distiller(network(), network(seed=7), alpha=0.2, temperature=4.0)
    )
    loss = trainer.objective(views, labels)[0]
    student = np.array(trainer.student(views["images"]), "float64")
    teacher = np.array(trainer.teacher(views["images"]), "float64")
    expected = 0.2 * oracles.cross_entropy(student, labels)
    expected += 0.8 * 16 * oracles.divergence(teacher, student, 4.0)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_keras_logits_distillation_gives_the_same_loss():
    views, labels = first_batch(METHODS["distiller"])
    same = keras.distillation.LogitsDistillation(temperature=4.0, loss=KL())
    losses = [
        compiled(
            Distiller(
                network(),
                network(seed=7),
                temperature=4.0,
                distillation_loss=given,
            )
        ).objective(views, labels)[0]
        for given in (None, same)
    ]
    np.testing.assert_allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize("loss", ["kl_divergence", "categorical_crossentropy"])
def test_logits_distillation_by_name_raises(loss):
    broken = keras.distillation.LogitsDistillation(loss=loss)
    with pytest.raises(ValueError, match="passes raw logits to a loss"):
        Distiller(network(), network(seed=7), distillation_loss=broken)


def named(seed, batch_norm=False):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((FEATURES,)), keras.layers.Dense(5, name="hidden")]
    if batch_norm:
        layers.append(keras.layers.BatchNormalization(momentum=0.5))
    return keras.Sequential([*layers, keras.layers.Dense(CLASSES)])


def features(**options):
    return keras.distillation.FeatureDistillation(
        teacher_layer_name="hidden", student_layer_name="hidden", **options
    )


@pytest.mark.parametrize("loss", ["mse", keras.losses.MeanSquaredError()])
def test_feature_distillation_compares_the_named_layers(loss):
    views, labels = first_batch(METHODS["distiller"])
    trainer = compiled(
        Distiller(named(0), named(1), distillation_loss=features(loss=loss))
    )
    value = trainer.objective(views, labels)[2]["distillation_loss"]
    hidden = [
        np.array(model.get_layer("hidden")(views["images"]))
        for model in (trainer.student, trainer.teacher)
    ]
    expected = np.mean((hidden[0] - hidden[1]) ** 2)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_features_take_one_pass_of_the_student():
    """Two passes in training mode would move the statistics twice."""
    dataset = batches(METHODS["distiller"], steps=1)
    means = []
    for loss in (None, features()):
        trainer = compiled(
            Distiller(named(0, True), named(1), distillation_loss=loss),
            keras.optimizers.SGD(0.0),
        )
        trainer.fit(dataset, verbose=0)
        means.append(np.array(trainer.student.layers[1].moving_mean))
    np.testing.assert_allclose(*means, rtol=1e-6)
    assert np.abs(means[0]).max() > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss",
    [
        lambda: keras.distillation.LogitsDistillation(loss=KL()),
        lambda: features(),
        lambda: features(loss=keras.losses.MeanSquaredError()),
    ],
)
def test_keras_losses_train_the_same_on_two_replicas(loss, mirrored):
    dataset = batches(METHODS["distiller"])

    def trainer():
        return compiled(Distiller(named(0), named(1), distillation_loss=loss()))

    single = trainer()
    single.fit(dataset, verbose=0)
    with mirrored.scope():
        both = trainer()
    both.fit(dataset, verbose=0)
    for a, b in zip(single.weights, both.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize(
    "loss",
    [
        lambda: keras.distillation.LogitsDistillation(loss=KL()),
        lambda: features(),
        lambda: features(loss=keras.losses.MeanSquaredError()),
    ],
)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_keras_losses_count_sample_weights(loss, jit_compile):
    views, labels = first_batch(METHODS["distiller"])
    images = views["images"]
    trainer = compiled(
        Distiller(named(0), named(1), alpha=0.0, distillation_loss=loss())
    )

    @tf.function(jit_compile=jit_compile)
    def distillation(images, labels, weight=None):
        views = {"images": images}
        return trainer.objective(views, labels, weight)[2]["distillation_loss"]

    each = [
        float(distillation(images[i : i + 1], labels[i : i + 1]))
        for i in range(len(labels))
    ]
    weight = np.linspace(0, 2, len(labels)).astype("float32")
    found = distillation(images, labels, weight)
    np.testing.assert_allclose(found, np.mean(weight * each), rtol=1e-5)
    ones = distillation(images, labels, np.ones_like(weight))
    plain = distillation(images, labels)
    np.testing.assert_allclose(ones, plain, rtol=1e-5)
    assert abs(float(found) - float(plain)) > 1e-3 * float(plain)


def test_a_keras_loss_that_sums_does_so_with_weights():
    views, labels = first_batch(METHODS["distiller"])
    summed = keras.losses.MeanSquaredError(reduction="sum")
    trainer = compiled(
        Distiller(named(0), named(1), distillation_loss=features(loss=summed))
    )
    plain, ones, twos = (
        float(trainer.objective(views, labels, w)[2]["distillation_loss"])
        for w in (None, np.ones(len(labels)), np.full(len(labels), 2.0))
    )
    assert ones == pytest.approx(plain, rel=1e-5)
    assert twos == pytest.approx(2 * plain, rel=1e-5)


def test_keras_loss_comes_back_from_a_file(tmp_path):
    dataset = batches(METHODS["distiller"])
    trainer = compiled(
        Distiller(named(0), named(1), distillation_loss=features())
    )
    trainer.fit(dataset, verbose=0)
    trainer.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    loss = loaded.distillation_loss
    assert isinstance(loss, keras.distillation.FeatureDistillation)
    assert loss.student_layer_name == "hidden"
    for each in (trainer, loaded):
        each.fit(dataset, verbose=0)
    # Equal but for the order in which two gradients of a kernel are added.
    for a, b in zip(trainer.weights, loaded.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_student_learns_its_teacher(rng):
    points = rng.normal(size=(512, FEATURES)).astype("float32")
    teacher = network(seed=7, width=16)
    predictions = np.array(teacher(points)).argmax(-1)
    trainer = compiled(
        Distiller(network(width=32), teacher, alpha=0.0),
        keras.optimizers.Adam(0.02),
    )
    random_labels = rng.integers(0, CLASSES, 512)
    dataset = tf.data.Dataset.from_tensor_slices((points, random_labels))
    trainer.fit(dataset.batch(64), epochs=40, verbose=0)
    agreed = np.mean(
        np.array(trainer.student(points)).argmax(-1) == predictions
    )
    assert agreed > 0.97
