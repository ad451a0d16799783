import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import METHODS, compiled, network
from training import first_batch

from kconsist import VAT, targets
from kconsist.features import l2_normalize

METHOD = METHODS["vat"]


def prediction(trainer, images):
    return np.array(trainer.student(images), "float64")


def small_images(classes=3):
    """A network on images of 4×3 with 2 channels, and its weights."""
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.Flatten(),
        keras.layers.Dense(7, activation="tanh"),
        keras.layers.Dense(classes),
    ]
    model = keras.Sequential([keras.Input((4, 3, 2)), *layers])
    return model, [np.array(weight, "float64") for weight in model.weights]


def image_batch(rng):
    views = {
        "labeled": rng.normal(size=(4, 4, 3, 2)),
        "weak": rng.normal(size=(5, 4, 3, 2)),
    }
    views = {name: tf.constant(v, "float32") for name, v in views.items()}
    return views, tf.constant([0, 1, 2, 1])


def steepest(weights, images, clean):
    """The gradient of KL(p(clean) ‖ p(x)) at x, by the chain rule."""
    kernel, bias, head, head_bias = weights

    def forward(x):
        hidden = np.tanh(x.reshape(len(x), -1) @ kernel + bias)
        rows = hidden @ head + head_bias
        return hidden, np.array([oracles.softmax(row) for row in rows])

    p, (hidden, q) = forward(clean)[1], forward(images)
    slope = ((q - p) @ head.T) * (1 - hidden**2)
    return (slope @ kernel.T).reshape(images.shape)


def scaled_to(vectors, length):
    """Each example at a Euclidean length, over all of its axes."""
    return np.array([length * v / np.linalg.norm(v) for v in vectors])


def perturbed(trainer, images):
    target = targets.soft_targets(trainer.forward_frozen_stats(images))
    return trainer.perturbation(images, target)


def test_loss_is_the_papers():
    views, labels = first_batch(METHOD)
    trainer = compiled(
        VAT(network(), epsilon=0.5, consistency_weight=2.0, entropy_weight=0.3)
    )
    r = perturbed(trainer, views["weak"])
    loss, _, logs = trainer.objective(views, labels)
    clean = prediction(trainer, views["weak"])
    divergence = oracles.divergence(
        clean, prediction(trainer, views["weak"] + r)
    )
    rows = [oracles.softmax(row) for row in clean]
    entropy = np.mean([-sum(p * np.log(p)) for p in rows])
    supervised = oracles.cross_entropy(
        prediction(trainer, views["labeled"]), labels
    )
    np.testing.assert_allclose(logs["consistency_loss"], divergence, rtol=1e-4)
    np.testing.assert_allclose(logs["entropy"], entropy, rtol=1e-4)
    np.testing.assert_allclose(
        loss, supervised + 2 * divergence + 0.3 * entropy, rtol=1e-4
    )


@pytest.mark.parametrize("iterations", [1, 3])
def test_perturbation_has_length_epsilon(iterations):
    views, _ = first_batch(METHOD)
    trainer = compiled(VAT(network(), epsilon=0.7, num_iterations=iterations))
    lengths = np.linalg.norm(perturbed(trainer, views["weak"]), axis=-1)
    np.testing.assert_allclose(lengths, 0.7, rtol=1e-5)


def test_perturbation_is_worse_than_random_ones(rng):
    views, _ = first_batch(METHOD)
    trainer = compiled(VAT(network(), epsilon=0.5))
    images, clean = views["weak"], prediction(trainer, views["weak"])

    def harm(change):
        return oracles.divergence(clean, prediction(trainer, images + change))

    adversarial = harm(perturbed(trainer, images))
    random = [
        harm(0.5 * l2_normalize(rng.normal(size=images.shape)))
        for _ in range(20)
    ]
    assert adversarial > 1.5 * np.mean(random)


def test_linear_network_is_pushed_along_its_weights():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    trainer = compiled(VAT(model, epsilon=0.3))
    images = tf.random.normal((16, 6), seed=1)
    kernel = model.layers[0].kernel.numpy()
    along = kernel[:, 0] - kernel[:, 1]
    cosine = perturbed(trainer, images) @ along[:, None]
    np.testing.assert_allclose(
        np.abs(cosine[:, 0]), 0.3 * np.linalg.norm(along), rtol=1e-3
    )


def test_directions_are_new_at_each_step_and_for_each_seed():
    views, _ = first_batch(METHOD)
    trainer = compiled(VAT(network(), epsilon=0.5))
    other = compiled(VAT(network(), epsilon=0.5, seed=1))
    first = perturbed(trainer, views["weak"])
    np.testing.assert_array_equal(first, perturbed(trainer, views["weak"]))
    assert np.any(first != perturbed(other, views["weak"]))
    trainer.optimizer.iterations.assign(1)
    assert np.any(first != perturbed(trainer, views["weak"]))


def test_only_labeled_images_move_batch_norm():
    views, labels = first_batch(METHOD)
    trainer = compiled(VAT(network(batch_norm=True), epsilon=0.5))
    trainer.objective(views, labels)
    hidden = np.array(trainer.student.layers[0](views["labeled"]))
    np.testing.assert_allclose(
        trainer.student.layers[1].moving_mean,
        0.1 * hidden.mean(0),
        rtol=1e-4,
        atol=1e-6,
    )


def test_compared_passes_drop_the_same_units():
    trainer = compiled(VAT(network(dropout=0.5), epsilon=0.5))
    views, _ = first_batch(METHOD)
    first = trainer.forward_frozen_stats(views["weak"])
    np.testing.assert_array_equal(
        first, trainer.forward_frozen_stats(views["weak"])
    )
    undropped = trainer.student(views["weak"], training=False)
    assert np.any(np.abs(first - undropped) > 1e-3)


def test_tiny_gradients_keep_their_direction():
    """Squares of numbers below 1e-19 are 0 in float32."""
    vectors = tf.constant([[3e-25, 4e-25], [0.0, 0.0]])
    np.testing.assert_allclose(
        l2_normalize(vectors), [[0.6, 0.8], [0, 0]], rtol=1e-6
    )


def test_entropy_is_learned_where_it_has_a_weight():
    """It is logged without one, and costs no backward pass then."""
    views, labels = first_batch(METHOD)
    for weight in (0.0, 0.3):
        trainer = compiled(VAT(network(), 0.5, entropy_weight=weight))
        with tf.GradientTape() as tape:
            entropy = trainer.objective(views, labels)[2]["entropy"]
        kernel = trainer.student.trainable_variables[0].value
        gradient = tape.gradient(entropy, kernel)
        reached = gradient is not None and np.abs(gradient).max() > 1e-6
        assert bool(reached) == bool(weight)
        assert float(entropy) > 0


@pytest.mark.parametrize("iterations", [1, 2])
@pytest.mark.parametrize("xi", [None, 0.3])
def test_perturbation_of_images_is_power_iteration_by_hand(iterations, xi, rng):
    """Equations 9 to 13: d ← ∇ KL at ξd, r = εd, each of length 1."""
    model, weights = small_images()
    views, labels = image_batch(rng)
    trainer = compiled(
        VAT(model, epsilon=0.8, num_iterations=iterations, xi=xi)
    )
    seen, forward = [], trainer.forward_frozen_stats

    def spy(images):
        seen.append(np.array(images, "float64"))
        return forward(images)

    trainer.forward_frozen_stats = spy
    trainer.objective(views, labels)
    clean, *probes, adversarial = seen
    assert len(probes) == iterations
    np.testing.assert_array_equal(clean, views["weak"])
    length = 0.8 / 10 if xi is None else xi
    for x in probes:
        lengths = [np.linalg.norm(v) for v in x - clean]
        np.testing.assert_allclose(lengths, length, rtol=1e-4)
    slopes = [steepest(weights, x, clean) for x in probes]
    for x, slope in zip(probes[1:], slopes, strict=False):
        np.testing.assert_allclose(
            x - clean, scaled_to(slope, length), rtol=1e-2, atol=1e-4
        )
    np.testing.assert_allclose(
        adversarial - clean, scaled_to(slopes[-1], 0.8), rtol=1e-2, atol=1e-3
    )


def test_no_gradient_flows_through_the_perturbation(rng):
    """Weights learn at x + r as if r were constant (section 3.2)."""
    model, _ = small_images()
    views, labels = image_batch(rng)
    trainer = compiled(VAT(model, epsilon=2.0))
    r = np.array(perturbed(trainer, views["weak"]))
    p = tf.nn.softmax(model(views["weak"])).numpy()
    variables = model.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        found = trainer.objective(views, labels)[2]["consistency_loss"]
        log_q = tf.nn.log_softmax(model(views["weak"] + r))
        expected = tf.reduce_mean(tf.reduce_sum(p * (np.log(p) - log_q), -1))
    for a, b in zip(
        tape.gradient(found, variables),
        tape.gradient(expected, variables),
        strict=True,
    ):
        assert np.abs(b).max() > 1e-3
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
