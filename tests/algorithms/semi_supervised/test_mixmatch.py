import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import CLASSES, METHODS, compiled, network
from training import first_batch

from kconsist import MixMatch

METHOD = METHODS["mixmatch"]


def prediction(trainer, images):
    logits = np.array(trainer.student(images), "float64")
    return np.array([oracles.softmax(row) for row in logits])


def guess(trainer, views, temperature):
    """The mean of two predictions, sharpened (equations 6 and 7)."""
    rows = []
    for first, second in zip(
        prediction(trainer, views["weak"]),
        prediction(trainer, views["strong"]),
        strict=True,
    ):
        powers = ((first + second) / 2) ** (1 / temperature)
        rows.append(powers / sum(powers))
    return rows


def losses(trainer, views, labels, weights, temperature):
    """Algorithm 1, with a weight for each image in the labels' loss."""
    images = np.concatenate([views[k] for k in ("labeled", "weak", "strong")])
    q = guess(trainer, views, temperature)
    p = [*np.eye(CLASSES)[labels], *q, *q]
    says = [*weights, *np.ones(2 * len(q))]
    shares, partners = map(np.array, trainer.sample(len(images)))
    supervised = consistency = 0.0
    for i, (share, j) in enumerate(zip(shares, partners, strict=True)):
        image = share * images[i] + (1 - share) * images[j]
        found = prediction(trainer, image[None])[0]
        mine, theirs = share * says[i], (1 - share) * says[j]
        if i < len(labels):
            supervised -= mine * sum(p[i] * np.log(found))
            supervised -= theirs * sum(p[j] * np.log(found))
        else:
            target = (mine * p[i] + theirs * p[j]) / (mine + theirs)
            error = np.mean((target - found) ** 2)
            consistency += (mine + theirs) * error
    return supervised / len(labels), consistency / (2 * len(q))


def test_no_gradient_flows_through_the_guess():
    views, _ = first_batch(METHOD)
    trainer = compiled(MixMatch(network()))
    with tf.GradientTape() as tape:
        tape.watch(views)
        q = trainer.guess_labels(views["weak"], views["strong"])
    sources = [views["weak"], *trainer.student.trainable_variables]
    assert all(g is None for g in tape.gradient(q, sources))


@pytest.mark.parametrize("temperature, alpha", [(0.5, 0.75), (1.0, 2.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_is_the_papers(temperature, alpha, weighted, rng):
    views, labels = first_batch(METHOD)
    trainer = compiled(
        MixMatch(
            network(),
            temperature=temperature,
            alpha=alpha,
            consistency_weight=7.0,
        )
    )
    given = rng.uniform(0, 2, len(labels)) if weighted else None
    weights = given if weighted else np.ones(len(labels))
    loss, _, logs = trainer.objective(views, labels, given)
    supervised, consistency = losses(
        trainer, views, labels, weights, temperature
    )
    np.testing.assert_allclose(logs["supervised_loss"], supervised, rtol=1e-4)
    np.testing.assert_allclose(logs["consistency_loss"], consistency, rtol=1e-4)
    np.testing.assert_allclose(loss, supervised + 7 * consistency, rtol=1e-4)


def test_sure_guesses_at_a_low_temperature():
    views, _ = first_batch(METHOD)
    trainer = compiled(MixMatch(network(), temperature=0.001))
    q = np.array(trainer.guess_labels(views["weak"], views["strong"]))
    both = prediction(trainer, views["weak"]) + prediction(
        trainer, views["strong"]
    )
    np.testing.assert_allclose(q, np.eye(CLASSES)[both.argmax(-1)], atol=1e-3)


def test_draws_are_new_at_each_step_and_for_each_seed():
    trainer = compiled(MixMatch(network()))
    other = compiled(MixMatch(network(), seed=1))
    first = [np.array(draw) for draw in trainer.sample(40)]
    np.testing.assert_array_equal(np.sort(first[1]), np.arange(40))
    assert first[0].min() >= 0.5 and np.std(first[0]) > 0.05
    np.testing.assert_array_equal(first, trainer.sample(40))
    assert np.any(first != np.array(other.sample(40)))
    trainer.optimizer.iterations.assign(1)
    again = trainer.sample(40)
    assert all(np.any(a != b) for a, b in zip(first, again, strict=True))


def test_only_mixtures_move_batch_norm_and_once():
    views, labels = first_batch(METHOD)
    trainer = compiled(MixMatch(network(batch_norm=True)))
    images = [views[k] for k in ("labeled", "weak", "strong")]
    (shares, partners), pool = trainer.sample(40), np.concatenate(images)
    shares = np.array(shares)[:, None]
    pool = shares * pool + (1 - shares) * pool[np.array(partners)]
    trainer.objective(views, labels)
    hidden = np.array(trainer.student.layers[0](pool))
    np.testing.assert_allclose(
        trainer.student.layers[1].moving_mean,
        0.1 * hidden.mean(0),
        rtol=1e-4,
        atol=1e-6,
    )


def test_guesses_use_the_statistics_of_their_batch():
    views, _ = first_batch(METHOD)
    trainer = compiled(MixMatch(network(batch_norm=True)))
    before = trainer.guess_labels(views["weak"], views["strong"])
    norm = trainer.student.layers[1]
    norm.moving_mean.assign(norm.moving_mean + 3.0)
    np.testing.assert_array_equal(
        before, trainer.guess_labels(views["weak"], views["strong"])
    )


def test_mixing_keeps_the_mass_of_labels_and_what_all_images_share(rng):
    trainer = compiled(MixMatch(network()))
    image = rng.normal(size=(1, 6)).astype("float32")
    images = [np.repeat(image, size, axis=0) for size in (2, 3, 3)]
    predictions = [rng.dirichlet(np.ones(3), len(view)) for view in images]
    mixed, soft, counts = trainer.mixup(
        images, predictions, [np.ones(len(view)) for view in images]
    )
    np.testing.assert_allclose(
        np.concatenate(mixed), np.repeat(image, 8, axis=0), rtol=1e-6
    )
    np.testing.assert_allclose(np.sum(np.concatenate(soft), -1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.concatenate(counts), 1, rtol=1e-6)
    assert (
        np.abs(np.concatenate(soft) - np.concatenate(predictions)).max() > 0.05
    )


def test_images_of_integers_are_mixed_as_floats(rng):
    trainer = compiled(MixMatch(network()))
    views = [
        tf.constant(rng.integers(0, 256, (size, 6)), "uint8")
        for size in (2, 3, 3)
    ]
    ones = [tf.ones(len(view)) for view in views]
    images, _, _ = trainer.mixup(views, [w[:, None] for w in ones], ones)
    assert [view.shape for view in images] == [(2, 6), (3, 6), (3, 6)]
    assert np.any(np.array(images[0]) % 1)


def test_negative_alpha_is_refused():
    with pytest.raises(ValueError, match=r"alpha must be in \[0, inf\]"):
        MixMatch(network(), alpha=-1)


@pytest.mark.parametrize("alpha", [0.3, 0.75, 3.0])
def test_shares_are_the_larger_part_of_beta(alpha, rng):
    """λ' = max(λ, 1 - λ), λ ~ Beta(α, α): against NumPy's own draws."""
    trainer = compiled(MixMatch(network(), alpha=alpha))
    found = np.sort(np.array(trainer.sample(20_000)[0]))
    samples = rng.beta(alpha, alpha, 20_000)
    expected = np.sort(np.maximum(samples, 1 - samples))
    # Kolmogorov and Smirnov's distance, below 0.019 in 999 of 1,000 cases.
    below = np.searchsorted(found, expected) / len(found)
    assert np.abs(below - np.arange(20_000) / 20_000).max() < 0.02
