import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf
from methods import BATCH, EXAMPLES, METHODS, RATIO, compiled, network
from training import first_batch

from kconsist import NoisyStudent

METHOD = METHODS["noisy_student"]
LOGITS = np.random.default_rng(3).normal(0, 2, (EXAMPLES, 3))


def predictions(trainer, views):
    return {
        name: np.array(trainer.student(views[name]), "float64")
        for name in ("labeled", "strong")
    }


def test_no_gradient_reaches_the_cached_logits():
    views, labels = first_batch(METHOD)
    trainer = compiled(NoisyStudent(network(), LOGITS))
    with tf.GradientTape() as tape:
        tape.watch(trainer.cached_logits.value)
        loss = trainer.objective(views, labels)[0]
    assert tape.gradient(loss, trainer.cached_logits.value) is None


@pytest.mark.parametrize("temperature", [0.5, 1.0])
@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("weight", [None, 0.7])
def test_loss_is_the_papers(temperature, hard, weight):
    views, labels = first_batch(METHOD)
    trainer = compiled(
        NoisyStudent(network(), LOGITS, temperature, hard, weight)
    )
    loss, _, logs = trainer.objective(views, labels)
    z = predictions(trainer, views)
    total = 0.0
    for row, index in zip(z["strong"], views["index"].numpy(), strict=True):
        p, q = oracles.softmax(LOGITS[index], temperature), oracles.softmax(row)
        if hard:
            total -= np.log(q[LOGITS[index].argmax()])
        else:
            total -= sum(p[k] * np.log(q[k]) for k in range(3))
    consistency = total / len(z["strong"])
    supervised = oracles.cross_entropy(z["labeled"], labels)
    expected = supervised + (weight or RATIO) * consistency
    np.testing.assert_allclose(logs["consistency_loss"], consistency, rtol=1e-4)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


@pytest.mark.parametrize("labeled, strong", [(2, 5), (6, 3)])
def test_default_weight_is_the_ratio_of_the_batches(labeled, strong, rng):
    images = {"labeled": labeled, "strong": strong}
    views = {
        name: tf.constant(rng.normal(size=(size, 6)), "float32")
        for name, size in images.items()
    }
    views["index"] = tf.range(strong)
    labels = rng.integers(0, 3, labeled)
    trainer = compiled(NoisyStudent(network(), LOGITS))
    loss, _, logs = trainer.objective(views, labels)
    z = predictions(trainer, views)
    supervised = oracles.cross_entropy(z["labeled"], labels)
    taught = [oracles.softmax(row) for row in LOGITS[:strong]]
    log_q = [np.log(oracles.softmax(row)) for row in z["strong"]]
    # The sum over the unlabeled images, over the number of labeled ones.
    consistency = -np.sum(np.multiply(taught, log_q)) / labeled
    np.testing.assert_allclose(loss, supervised + consistency, rtol=1e-4)


def test_it_is_the_sum_of_all_losses_over_the_labeled_images():
    """As if labels and hard pseudo-labels were one batch of labels."""
    views, labels = first_batch(METHOD)
    trainer = compiled(NoisyStudent(network(), LOGITS, hard_labels=True))
    pseudo = LOGITS[views["index"].numpy()].argmax(-1)
    variables = trainer.student.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        loss = trainer.objective(views, labels)[0]
        images = tf.concat([views["labeled"], views["strong"]], 0)
        each = keras.losses.sparse_categorical_crossentropy(
            np.concatenate([labels, pseudo]),
            trainer.student(images),
            from_logits=True,
        )
        total = tf.reduce_sum(each) / BATCH
    found, expected = (tape.gradient(x, variables) for x in (loss, total))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_logits_are_restored_from_a_file(tmp_path):
    trainer = compiled(NoisyStudent(network(), LOGITS))
    trainer.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    np.testing.assert_array_equal(
        loaded.cached_logits, LOGITS.astype("float32")
    )


@pytest.mark.parametrize(
    "logits, words",
    [
        (np.zeros((5, 4)), r"must be \(images, 3\), .* got shape \(5, 4\)"),
        (np.zeros(5), r"got shape \(5,\)"),
        (np.zeros((0, 3)), "got 0 rows"),
        (np.full((2, 3), np.nan), "6 numbers that are not finite"),
    ],
)
def test_logits_that_cannot_be_learned(logits, words):
    with pytest.raises(ValueError, match=words):
        NoisyStudent(network(), logits)
