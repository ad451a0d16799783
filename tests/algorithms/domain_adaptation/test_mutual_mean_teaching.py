import keras
import numpy as np
import oracles
import pytest
import sklearn.cluster
import tensorflow as tf
from methods import (
    CLASSES,
    FEATURES,
    METHODS,
    batches,
    compiled,
    network,
    weights,
)
from training import first_batch

from kconsist import FixMatch, MutualMeanTeaching, data, views
from kconsist.callbacks import ClusterLabels

METHOD = METHODS["mutual_mean_teaching"]


def networks(trainer):
    students = trainer.student, trainer.peer
    return students, (trainer.teacher, trainer.peer_teacher)


def trained():
    """A trainer whose four networks all differ."""
    trainer = compiled(METHOD.make(network()))
    trainer.fit(batches(METHOD, seed=5), verbose=0)
    return trainer


def predictions(model, images):
    """Logits, and what enters the last layer, in float64."""
    hidden = images
    for layer in model.layers[:-1]:
        hidden = layer(hidden)
    return np.array(model(images), "float64"), np.array(hidden, "float64")


def triplets(features, reference, labels):
    """Softmax-triplet losses, hard and soft, by loops."""
    hard = soft = 0.0
    for i, label in enumerate(labels):
        distance = [np.linalg.norm(features[i] - other) for other in features]
        same = [j for j in range(len(labels)) if labels[j] == label]
        rest = [j for j in range(len(labels)) if labels[j] != label]
        positive = max(same, key=lambda j: distance[j])
        negative = min(rest, key=lambda j: distance[j])
        found = oracles.softmax(
            np.array([distance[positive], distance[negative]])
        )
        target = oracles.softmax(
            np.array(
                [
                    np.linalg.norm(reference[i] - reference[j])
                    for j in (positive, negative)
                ]
            )
        )
        hard -= np.log(found[1]) / len(labels)
        soft -= sum(target * np.log(found)) / len(labels)
    return hard, soft


@pytest.mark.parametrize("number", [0, 1])
def test_gradient_reaches_only_one_student(number):
    views, labels = first_batch(METHOD)
    trainer = trained()
    students, averages = networks(trainer)
    everyone = (*students, *averages)
    variables = [[v.value for v in model.weights] for model in everyone]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        loss = trainer.mutual(number, views, labels)[0]
    for model, found in enumerate(tape.gradient(loss, variables)):
        for gradient in found:
            if model == number:
                assert np.abs(gradient).max() > 1e-6
            else:
                assert gradient is None or not np.any(gradient)


@pytest.mark.parametrize("number", [0, 1])
def test_loss_is_the_papers(number):
    views, labels = first_batch(METHOD)
    trainer = trained()
    trainer.soft_weight, trainer.soft_triplet_weight = 0.4, 0.7
    trainer.triplet_weight = 2.0
    students, averages = networks(trainer)
    images = views["first"], views["second"]
    logits, features = predictions(students[number], images[number])
    taught, reference = predictions(averages[1 - number], images[1 - number])
    soft_labels = 0.0
    for row, target in zip(logits, taught, strict=True):
        p, q = oracles.softmax(target), oracles.softmax(row)
        soft_labels -= sum(p * np.log(q)) / len(logits)
    hard, soft = triplets(features, reference, np.array(labels))
    loss, found, logs = trainer.mutual(number, views, labels)
    supervised = oracles.cross_entropy(logits, labels)
    expected = 0.6 * supervised + 0.4 * soft_labels
    expected += 2 * (0.3 * hard + 0.7 * soft)
    np.testing.assert_allclose(found, logits, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logs["consistency_loss"], soft_labels, rtol=1e-4)
    np.testing.assert_allclose(
        logs["triplet_loss"], 0.3 * hard + 0.7 * soft, rtol=1e-4
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_both_students_learn_and_both_averages_follow():
    """Two steps of the plain mean: (a copy), then half of each."""
    trainer = compiled(METHOD.make(network(), decay=0.999))
    paths = [[], []]
    for _ in range(2):
        trainer.fit(batches(METHOD, steps=1), verbose=0)
        for path, student in zip(paths, networks(trainer)[0], strict=True):
            path.append(weights(student))
    for path, average in zip(paths, networks(trainer)[1], strict=True):
        for a, b, found in zip(*path, weights(average), strict=True):
            assert np.abs(a - b).max() > 1e-5
            np.testing.assert_allclose(found, (a + b) / 2, rtol=1e-5)
    assert trainer.inference_model is trainer.teacher


@pytest.mark.slow
def test_a_student_and_its_peer_are_symmetric():
    """Exchanged, with their views, they learn the same."""
    views, labels = first_batch(METHOD)
    one, two = trained(), trained()
    swapped = {"first": views["second"], "second": views["first"]}
    first, second = (networks(two)[0], networks(two)[1])
    for models in (first, second):
        values = [weights(model) for model in models]
        for model, value in zip(models, reversed(values), strict=True):
            model.set_weights(value)
    np.testing.assert_allclose(
        one.mutual(0, views, labels)[0],
        two.mutual(1, swapped, labels)[0],
        rtol=1e-6,
    )


def test_features_are_the_mean_of_two_unit_vectors(rng):
    trainer = trained()
    images = rng.normal(size=(7, FEATURES)).astype("float32")
    expected = 0.0
    for average in networks(trainer)[1]:
        _, hidden = predictions(average, images)
        expected += hidden / np.linalg.norm(hidden, axis=1, keepdims=True) / 2
    found = trainer.features(images, batch_size=3)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_heads_start_from_unit_centers(rng):
    trainer = trained()
    centers = rng.normal(size=(CLASSES, 10))
    trainer.start_heads(centers)
    unit = centers / np.linalg.norm(centers, axis=1, keepdims=True)
    for models in networks(trainer):
        for model in models:
            kernel, bias = model.layers[-1].get_weights()
            np.testing.assert_allclose(kernel, unit.T, rtol=1e-5)
            assert not bias.any()


def test_clusters_become_labels_and_heads(rng):
    """Three far blobs: each its own label, on which all heads agree."""
    blobs = np.repeat(10 * np.eye(CLASSES, FEATURES), 12, axis=0)
    points = (blobs + rng.normal(0, 0.1, blobs.shape)).astype("float32")
    trainer = compiled(METHOD.make(network()))
    clusters = ClusterLabels(points)
    clusters.set_model(trainer)
    clusters.on_train_begin()
    clusters.on_epoch_begin(0)
    labels = clusters.labels.numpy().reshape(CLASSES, 12)
    assert sorted(labels[:, 0]) == [0, 1, 2]
    assert np.all(labels == labels[:, :1])
    found = trainer.predict(points, verbose=0).argmax(-1)
    np.testing.assert_array_equal(found, labels.ravel())


def test_each_epoch_has_clusters_of_its_own_seed(rng, monkeypatch):
    seeds = []

    class KMeans(sklearn.cluster.KMeans):
        def __init__(self, n_clusters, random_state):
            seeds.append(random_state)
            super().__init__(n_clusters, random_state=random_state)

    monkeypatch.setattr("sklearn.cluster.KMeans", KMeans)
    clusters = ClusterLabels(
        rng.normal(size=(24, FEATURES)).astype("float32"), seed=7
    )
    clusters.set_model(compiled(METHOD.make(network())))
    for epoch in (0, 1, 5):
        clusters.on_epoch_begin(epoch)
    assert seeds == [7, 8, 12]


@pytest.mark.parametrize(
    "trainer, count, words",
    [
        (lambda: FixMatch(network()), 9, "with features, .* got FixMatch"),
        (lambda: METHOD.make(network()), 2, "3 classes .* got 2"),
    ],
)
def test_clusters_that_can_not_be_found(trainer, count, words):
    clusters = ClusterLabels(np.zeros((count, FEATURES), "float32"))
    clusters.set_model(compiled(trainer()))
    with pytest.raises(ValueError, match=words):
        clusters.on_train_begin()


def test_clusters_need_scikit_learn(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        ClusterLabels(np.zeros((9, FEATURES)))


def test_students_that_do_not_fit():
    with pytest.raises(ValueError, match=r"got \(10, 3\) and \(4, 3\)"):
        MutualMeanTeaching(network(), network(width=4), "sgd")
    student = network()
    with pytest.raises(ValueError, match="peer .* shares 4 of its variables"):
        MutualMeanTeaching(student, student, "sgd")
    ends = [keras.Input((FEATURES,)), keras.layers.Dense(3)]
    other = keras.Sequential([*ends, keras.layers.Activation("linear")])
    with pytest.raises(ValueError, match="ends in a .*Dense, .* Activation"):
        MutualMeanTeaching(network(), other, "sgd")


@pytest.mark.slow
def test_every_epoch_learns_its_own_clusters(rng):
    points = rng.normal(size=(24, FEATURES)).astype("float32")
    trainer = compiled(METHOD.make(network()), run_eagerly=True)
    clusters = ClusterLabels(points)
    source = points, clusters.labels
    learn, seen = trainer.update, []

    def spy(views, labels, sample_weight=None):
        distance = np.array(views["first"])[:, None] - points[None]
        index = np.abs(distance).sum(-1).argmin(-1)
        expected = clusters.labels.numpy()
        np.testing.assert_array_equal(labels, expected[index])
        seen.append(expected)
        return learn(views, labels, sample_weight)

    trainer.update = spy
    batches = data.class_balanced(
        source,
        view=views.Identity(),
        classes_per_batch=CLASSES,
        images_per_class=4,
    )
    trainer.fit(batches, epochs=3, callbacks=[clusters], verbose=0)
    assert len(seen) == 6 and all(len(set(s)) == CLASSES for s in seen)
    assert np.any(seen[0] != seen[2])
