"""Wrong arguments raise at once, with what was expected and what came."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from methods import CLASSES, FEATURES, METHODS, arrays, compiled, network
from training import eager, every_method

import kconsist
from kconsist import schedules


def raises(words):
    return pytest.raises(ValueError, match=words)


def sequential(*layers):
    return keras.Sequential([keras.Input((FEATURES,)), *layers])


def frozen():
    student = network()
    student.trainable = False
    return student


WRONG_STUDENTS = {
    "unbuilt": (
        lambda: keras.Sequential([keras.layers.Dense(3)]),
        "must be built",
    ),
    "probabilities": (
        lambda: sequential(keras.layers.Dense(CLASSES, activation="softmax")),
        "must return logits",
    ),
    "probabilities_by_a_layer": (
        lambda: sequential(keras.layers.Dense(CLASSES), keras.layers.Softmax()),
        "must return logits",
    ),
    "frozen": (frozen, "nothing to train"),
    "no_model": (lambda: "resnet", "must be a keras.Model, got str"),
}


@pytest.mark.parametrize("kind", WRONG_STUDENTS)
def test_student(kind):
    """One check of all trainers: the next test is that each one calls it."""
    make, words = WRONG_STUDENTS[kind]
    with raises(words):
        kconsist.FixMatch(make())


@every_method()
def test_student_of_every_method(name):
    for kind in ("no_model", "frozen"):
        make, words = WRONG_STUDENTS[kind]
        with raises(words):
            METHODS[name].make(make())


@pytest.mark.parametrize("cls", [kconsist.SelfTrainer, kconsist.Distiller])
class TestTeacher:
    def test_is_the_student(self, cls):
        student = network()
        with raises("shares 4 of its variables"):
            cls(student, student)

    def test_shares_a_layer(self, cls):
        layer = keras.layers.Dense(8)
        student = sequential(layer, keras.layers.Dense(CLASSES))
        teacher = sequential(layer, keras.layers.Dense(CLASSES))
        with raises("shares 2 of its variables"):
            cls(student, teacher)

    def test_has_other_classes(self, cls):
        teacher = sequential(keras.layers.Dense(CLASSES + 2))
        with raises("same number of classes, got 5 and 3"):
            cls(network(), teacher)

    def test_returns_probabilities(self, cls):
        teacher = sequential(keras.layers.Dense(CLASSES, activation="softmax"))
        with raises("teacher .* must return logits"):
            cls(network(), teacher)

    @pytest.mark.parametrize("temperature", [0, -1, "warm", None])
    def test_temperature(self, cls, temperature):
        with raises("temperature must be a positive number"):
            cls(network(), network(), temperature=temperature)

    def test_alpha(self, cls):
        with raises(r"alpha must be in \[0, 1\], got 1.5"):
            cls(network(), network(), alpha=1.5)


class Subclassed(keras.Model):
    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.head = keras.layers.Dense(classes)

    def build(self, input_shape):
        self.head.build(input_shape)
        self.built = True

    def call(self, inputs):
        return self.head(inputs)


def test_subclassed_teacher_with_other_classes_raises_at_the_first_batch():
    method = METHODS["self_trainer"]
    teacher = Subclassed(CLASSES + 1)
    teacher.build((None, FEATURES))
    trainer = compiled(kconsist.SelfTrainer(network(), teacher))
    with raises("same number of classes, got 4 and 3"):
        trainer.fit(dataset(method), verbose=0)


def test_subclassed_student_that_cannot_be_copied():
    student = Subclassed(CLASSES)
    student.build((None, FEATURES))
    with raises("can't be copied"):
        kconsist.MeanTeacher(student)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda s: kconsist.FixMatch(s, threshold=1.2), "threshold must be in"),
        (lambda s: kconsist.FixMatch(s, threshold="high"), "threshold must be"),
        (lambda s: kconsist.FixMatch(s, ema_decay=-0.1), "ema_decay must be"),
        (
            lambda s: kconsist.FixMatch(s, consistency_weight=-1),
            "consistency_weight must be a number of 0 or more",
        ),
        (lambda s: kconsist.MeanTeacher(s, decay=2), "decay must be in"),
        (
            lambda s: kconsist.MeanTeacher(s, warmup="slow"),
            "warmup must be one of",
        ),
        (
            lambda s: kconsist.MeanTeacher(s, batch_norm="mine"),
            "batch_norm must be one of",
        ),
        (
            lambda s: kconsist.MeanTeacher(s, teacher_training=False),
            "batch_norm='own' requires teacher_training=True",
        ),
        (
            lambda s: kconsist.UDA(s, signal_annealing="linear"),
            "signal_annealing must be a number of 0 or more or a Learning",
        ),
        (
            lambda s: kconsist.VAT(s, epsilon=1.0, num_iterations=1.5),
            "num_iterations must be a positive integer, got 1.5",
        ),
        (
            lambda s: kconsist.PiModel(s, distance="cosine"),
            r"distance must be one of \('mse', 'kl'\), got 'cosine'",
        ),
        (
            lambda s: kconsist.Distiller(s, network(), distillation_loss="kl"),
            "must be a keras.distillation loss, got str",
        ),
    ],
)
def test_argument_of_a_method(make, words):
    with raises(words):
        make(network())


def test_numbers_of_numpy_are_numbers():
    kconsist.FixMatch(network(), threshold=np.float32(0.5))
    kconsist.VAT(network(), np.float32(1.0), num_iterations=np.int64(2))
    with raises("decay must be in"):
        kconsist.MeanTeacher(network(), decay=np.bool_(True))


@pytest.mark.parametrize("steps", [0, -5, "many"])
def test_schedule_steps(steps):
    with raises("steps must be a positive number"):
        schedules.LinearRampUp(1.0, steps)


def dataset(method, change_views=None, change_labels=None):
    views, labels = arrays(method)
    if change_views:
        views = change_views(views)
    if change_labels:
        labels = change_labels(labels)
    return tf.data.Dataset.from_tensor_slices((views, labels))


@every_method()
def test_missing_view(name):
    method = METHODS[name]
    if len(method.views) == 1:
        pytest.skip("has one view only")
    missing = list(method.views)[-1]

    def drop(views):
        return {k: v for k, v in views.items() if k != missing}

    with raises(f"with the views .*'{missing}'.*, got the views"):
        compiled(method.make(network())).fit(dataset(method, drop), verbose=0)


def test_plain_images_where_views_are_needed():
    trainer = compiled(kconsist.FixMatch(network()))
    images, labels = np.zeros((8, FEATURES)), np.zeros(8, "int64")
    with raises("with the views .*'labeled', 'weak', 'strong'.*, got a"):
        trainer.fit(images, labels, verbose=0)


def test_views_without_labels():
    views, _ = arrays(METHODS["fixmatch"])
    unlabeled = tf.data.Dataset.from_tensor_slices((views,))
    with raises("got no labels"):
        compiled(kconsist.FixMatch(network())).fit(unlabeled, verbose=0)


# One method for each set of views; the trainer checks all of them.
FAST = (
    "distiller",
    "fixmatch",
    "flexmatch",
    "mutual_mean_teaching",
    "self_trainer_unlabeled",
)


@every_method(FAST)
def test_float_labels(name):
    method = METHODS[name]
    floats = dataset(method, change_labels=lambda y: y.astype("float32"))
    with raises(r"labels must be integers, .* got float32"):
        compiled(method.make(network())).fit(floats, verbose=0)


def one_label(wrong):
    """Changes one label of the third batch."""

    def spoil(labels):
        labels[2, 3] = wrong
        return labels

    return spoil


def one_nan(view):
    """Puts a NaN into the second batch of a view."""

    def spoil(views):
        views[view][1, 0, 0] = np.nan
        return views

    return spoil


def last_view(method):
    return [name for name in method.views if name != "index"][-1]


@every_method(FAST)
def test_label_out_of_range(name):
    method = METHODS[name]
    for wrong in (-1, CLASSES):
        trainer = eager(method.make(network()))
        labels = dataset(method, change_labels=one_label(wrong))
        with raises(rf"labels must lie in \[0, 2\].*{wrong}"):
            trainer.fit(labels, verbose=0)


@every_method(FAST)
def test_nan_in_a_view(name):
    method = METHODS[name]
    view, trainer = last_view(method), eager(method.make(network()))
    with raises(f"got NaN in the view {view}"):
        trainer.fit(dataset(method, one_nan(view)), verbose=0)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_wrong_values_in_a_graph(jit_compile):
    """As in the eager steps of the two tests above."""
    method = METHODS["fixmatch"]
    options = dict(jit_compile=jit_compile)
    trainer = compiled(method.make(network()), **options)
    with raises(r"labels must lie in \[0, 2\].*-1"):
        trainer.fit(dataset(method, change_labels=one_label(-1)), verbose=0)
    trainer = compiled(method.make(network()), **options)
    with raises("got NaN in the view strong"):
        trainer.fit(dataset(method, one_nan("strong")), verbose=0)


@every_method(FAST)
def test_compiled_loss_of_probabilities(name):
    method = METHODS[name]
    for loss in (
        "sparse_categorical_crossentropy",
        keras.losses.SparseCategoricalCrossentropy(),
    ):
        trainer = method.make(network())
        trainer.compile("sgd", loss, run_eagerly=True)
        with raises("expects probabilities, but the student returns logits"):
            trainer.fit(dataset(method), verbose=0)


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda x, y: (x, y.astype("float32")), "labels must be integers"),
        (lambda x, y: (x, y + 1), r"labels must lie in \[0, 2\].*1 to 3"),
        (lambda x, y: (x * np.nan, y), "got NaN in the view images"),
    ],
)
def test_wrong_arrays(spoil, words):
    trainer = compiled(kconsist.Distiller(network(), network(seed=7)))
    images = np.ones((9, FEATURES), "float32")
    with raises(words):
        trainer.fit(*spoil(images, np.arange(9) % 3), verbose=0)


def test_float_labels_of_a_generator():
    trainer = compiled(kconsist.Distiller(network(), network(seed=7)))

    def batches():
        yield np.ones((4, FEATURES), "float32"), np.ones(4, "float32")

    with raises("labels must be integers"):
        trainer.fit(batches(), steps_per_epoch=1, verbose=0)


def test_steps_before_the_wrong_batch_are_kept():
    method = METHODS["fixmatch"]

    def spoil(labels):
        labels[3, 0] = 9
        return labels

    trainer = compiled(method.make(network()))
    with raises("labels must lie in"):
        trainer.fit(dataset(method, change_labels=spoil), verbose=0)
    expected = compiled(method.make(network()))
    expected.fit(dataset(method).take(3), verbose=0)
    for a, b in zip(trainer.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(a, b)


class Python(keras.utils.PyDataset):
    """Batches of a list."""

    def __init__(self, batches_):
        super().__init__()
        self.batches, self.epochs = batches_, 0

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        return self.batches[number]

    def on_epoch_end(self):
        self.epochs += 1


def generator(batches_):
    yield from batches_


@pytest.mark.parametrize("kind", [Python, generator])
@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda x, y: (x, y + CLASSES), "labels must lie in .*got labels"),
        (lambda x, y: (x * np.nan, y), "got NaN in the view images"),
        (lambda x, y: (x, y.astype("float32")), "labels must be integers"),
    ],
)
def test_wrong_batch_that_python_makes(kind, number, spoil, words):
    points = np.ones((8, FEATURES), "float32")
    good = points, np.arange(8) % CLASSES
    sequence = [good] * 5
    sequence[number] = spoil(*good)
    trainer = eager(METHODS["distiller"].make(network()))
    with raises(words):
        trainer.fit(kind(sequence), verbose=0)


def test_batches_that_python_makes_train_as_a_dataset():
    views, labels = arrays(METHODS["fixmatch"])
    listed = [
        ({key: view[i] for key, view in views.items()}, labels[i][:, None])
        for i in range(3)
    ]
    trained = []
    made = Python(listed)
    for given in (dataset(METHODS["fixmatch"]).take(3), made):
        trainer = compiled(METHODS["fixmatch"].make(network()))
        history = trainer.fit(given, epochs=2, shuffle=False, verbose=0)
        trained.append(history.history["loss"])
    np.testing.assert_allclose(*trained, rtol=1e-6)
    assert made.epochs >= 2
