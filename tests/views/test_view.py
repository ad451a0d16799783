"""The contract of all views."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist.views import (
    AugMix,
    Compose,
    Cutout,
    FlipCrop,
    FunctionView,
    Identity,
    Jitter,
    MixUp,
    MultiCrop,
    RandAugment,
    SimCLRAugment,
    View,
)

IMAGE_VIEWS = [
    Identity(),
    FlipCrop(),
    FlipCrop(flip=False, padding=2),
    FlipCrop(resize=40, crop=28),
    FlipCrop(resize=(40, 48), crop=(28, 32)),
    RandAugment(),
    RandAugment(num_ops=3, magnitude=7.5, ops=["Rotate", "Invert"], fill=None),
    AugMix(),
    AugMix(severity=8, width=2, max_depth=1, alpha=0.3, ops=["Rotate"]),
    Cutout(),
    Cutout(size=0.3, fill=0),
    Compose([FlipCrop(), RandAugment(), Cutout()]),
    SimCLRAugment(),
    SimCLRAugment(size=(24, 40), blur_probability=0.5, solarize_probability=1),
    MultiCrop([FlipCrop(), SimCLRAugment(size=16, strength=1.0)], (1, 2)),
]
RANDOM_VIEWS = IMAGE_VIEWS[1:]
every_view = pytest.mark.parametrize("view", IMAGE_VIEWS, ids=repr)


@keras.saving.register_keras_serializable(package="tests")
def darken(images, seed):
    return images // 2


def assert_same(results, others):
    """Asserts that two results, tensors or tuples of them, are equal."""
    results, others = tf.nest.flatten(results), tf.nest.flatten(others)
    for result, other in zip(results, others, strict=True):
        np.testing.assert_array_equal(result, other)


def as_bytes(results, number):
    return b"".join(
        r[number].numpy().tobytes() for r in tf.nest.flatten(results)
    )


@pytest.mark.slow
@every_view
@pytest.mark.parametrize(
    "shape", [(8, 8, 1), (9, 14, 3), (33, 20, 1), (70, 48, 3)]
)
def test_view_accepts_any_size(view, shape):
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), "uint8")
    results = tf.nest.flatten(view(images, seed=0))
    traced = tf.nest.flatten(tf.function(view)(images, tf.constant([0, 0])))
    for result, again in zip(results, traced, strict=True):
        assert result.dtype == tf.uint8
        assert result.shape[0] == 5
        assert result.shape[-1] == shape[-1]
        assert min(result.shape[1:3]) >= 8
        assert again.shape == result.shape


@every_view
def test_view_returns_uint8_and_keeps_batch_and_channels(
    view, photographs, digits
):
    for images in (photographs, digits):
        for result in tf.nest.flatten(view(images, seed=0)):
            assert result.dtype == tf.uint8
            assert result.shape[0] == len(images)
            assert result.shape[-1] == images.shape[-1]


@every_view
def test_same_seed_gives_the_same_pixels(view, photographs):
    assert_same(view(photographs, seed=3), view(photographs, seed=3))


@pytest.mark.slow
@every_view
def test_global_seed_has_no_effect(view, photographs):
    def through_pipeline():
        dataset = tf.data.Dataset.from_tensors(photographs)
        (mapped,) = dataset.map(lambda x: view(x, 3), num_parallel_calls=2)
        return mapped

    keras.utils.set_random_seed(1)
    before = through_pipeline()
    keras.utils.set_random_seed(2)
    tf.random.normal((3,))  # Advances the global generator.
    assert_same(before, through_pipeline())


@pytest.mark.parametrize("view", RANDOM_VIEWS, ids=repr)
def test_other_seed_gives_other_pixels(view, photographs):
    for first, second in ((3, 4), (0, 1), ([0, 1], [0, 2])):
        results = [view(photographs, seed) for seed in (first, second)]
        for one, other in zip(*map(tf.nest.flatten, results), strict=True):
            assert not np.array_equal(one, other)


@pytest.mark.parametrize("view", RANDOM_VIEWS, ids=repr)
def test_images_are_sampled_independently(view, photographs):
    copies = np.repeat(photographs[:1], 24, axis=0)
    results = view(copies, seed=0)
    assert len({as_bytes(results, number) for number in range(24)}) > 4


@pytest.mark.slow
@every_view
def test_pixels_do_not_depend_on_parallelism_or_order(view, photographs):
    batches = tf.data.Dataset.from_tensors(photographs).repeat(6).enumerate()

    def apply(number, images):
        return number, view(images, tf.stack([number, 5]))

    serial = dict(batches.map(apply).as_numpy_iterator())
    shuffled = batches.shuffle(6, seed=1).map(apply, num_parallel_calls=4)
    shuffled = dict(shuffled.as_numpy_iterator())
    assert list(shuffled) != list(serial)
    for number, result in serial.items():
        assert_same(result, shuffled[number])
    assert_same(serial[4], view(photographs, tf.constant([4, 5])))


@every_view
def test_one_image_is_a_batch_of_one(view, photographs):
    results = tf.nest.flatten(view(photographs[0], seed=2))
    batch = tf.nest.flatten(view(photographs[:1], seed=2))
    assert_same(results, [result[0] for result in batch])


@pytest.mark.slow
@every_view
def test_images_of_unknown_size_in_a_pipeline(view, photographs):
    signature = tf.TensorSpec((None, None, None, 3), tf.uint8)
    traced = tf.function(
        view, input_signature=[signature, tf.TensorSpec((2,), tf.int64)]
    )
    assert_same(
        traced(photographs, tf.constant([4, 5], tf.int64)),
        view(photographs, (4, 5)),
    )


@pytest.mark.slow
def test_pipelines_are_traced_without_warnings():
    # In its own process, since AutoGraph warns only once.
    program = (
        "import numpy as np, tensorflow as tf\n"
        "from kconsist import views as v\n"
        "images = np.zeros((4, 32, 32, 3), 'uint8')\n"
        "images = tf.data.Dataset.from_tensors(images)\n"
        "strong = v.Compose([v.FlipCrop(), v.RandAugment(), v.Cutout()])\n"
        "for view in (v.Identity(), v.FlipCrop(), strong):\n"
        "    images.map(lambda batch: view(batch, 0))\n"
        "points = tf.data.Dataset.from_tensors(np.zeros((4, 2), 'float32'))\n"
        "points.map(lambda batch: v.Jitter(std=1.0)(batch, 0))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "AutoGraph could not transform" not in result.stderr


@every_view
def test_empty_batch_gives_an_empty_batch(view):
    for result in tf.nest.flatten(view(np.zeros((0, 32, 32, 3), "uint8"), 0)):
        assert result.shape[0] == 0


@every_view
def test_input_is_not_modified(view, photographs):
    before = photographs.copy()
    view(photographs, seed=0)
    np.testing.assert_array_equal(photographs, before)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 32, 32, 3), "float32"), "uint8 .* got float32"),
        (np.zeros((4, 32, 32, 3), "int64"), "uint8 .* got int64"),
        (np.zeros((32, 32), "uint8"), r"got shape \(32, 32\)"),
        (np.zeros((1, 4, 32, 32, 3), "uint8"), "got shape"),
        (
            np.zeros((4, 3, 32, 32), "uint8"),
            "1 or 3 channels in the last axis, got 32",
        ),
        (
            np.zeros((4, 32, 32, 4), "uint8"),
            "1 or 3 channels in the last axis, got 4",
        ),
        (np.zeros((4, 7, 32, 3), "uint8"), "at least 8, got 7 and 32"),
        (np.zeros((32, 5, 1), "uint8"), "at least 8, got 32 and 5"),
    ],
)
@pytest.mark.parametrize(
    "view", [FlipCrop(), RandAugment(), Cutout(), SimCLRAugment()]
)
def test_bad_images_are_an_error(view, images, message):
    with pytest.raises(ValueError, match=message):
        view(images, seed=0)


@pytest.mark.parametrize(
    "view",
    [
        *IMAGE_VIEWS,
        Jitter(radius=0.1),
        Jitter(std=0.2),
        MixUp(alpha=0.3, per_example=False),
        MultiCrop(),
        SimCLRAugment(scale=[0.2, 0.9], flip=False),
        FunctionView(darken),
        Compose([Compose([FlipCrop(), None]), darken, Cutout(size=0.5)]),
    ],
    ids=repr,
)
def test_config_round_trip(view):
    config = keras.saving.serialize_keras_object(view)
    again = keras.saving.deserialize_keras_object(config)
    assert again == view
    assert hash(again) == hash(view)
    assert repr(again) == repr(view)
    assert type(view).from_config(view.get_config()) == view


def test_views_with_other_arguments_or_class_are_not_equal():
    assert FlipCrop() != FlipCrop(padding=3)
    assert FlipCrop() != Identity()
    assert Compose([FlipCrop()]) != Compose([Cutout()])


def test_repr_names_the_arguments():
    assert repr(Cutout(size=8)) == "Cutout(size=8, fill=127)"
    assert repr(Compose([Identity()])) == "Compose(views=[Identity()])"


def test_identity_accepts_anything():
    for value in (np.zeros((5, 2), "float32"), np.zeros((2, 4, 4), "int32")):
        np.testing.assert_array_equal(Identity()(value, 0), value)


def test_view_without_transform_is_an_error(photographs):
    with pytest.raises(NotImplementedError, match="must implement transform"):
        View()(photographs, seed=0)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        # FixMatch, section 2.3 and its code for CIFAR-10.
        (FlipCrop, {"flip": True, "padding": 4, "resize": None, "crop": None}),
        (
            RandAugment,
            {
                "num_ops": 2,
                "magnitude": None,
                "probability": None,
                "ops": None,
                "fill": 127,
            },
        ),
        (Cutout, {"size": 16, "fill": 127}),
        # AugMix, section 4 and its code.
        (AugMix, {"severity": 3, "width": 3, "max_depth": 3, "alpha": 1.0}),
        # MixMatch, section 5.
        (
            MixUp,
            {"alpha": 0.75, "per_example": True, "at_least_half": False},
        ),
        # SimCLR, appendix A, and its code for CIFAR-10.
        (
            SimCLRAugment,
            {
                "size": None,
                "scale": (0.08, 1.0),
                "ratio": (3 / 4, 4 / 3),
                "flip": True,
                "strength": 0.5,
                "jitter_probability": 0.8,
                "gray_probability": 0.2,
                "blur_probability": 0.0,
                "solarize_probability": 0.0,
            },
        ),
    ],
)
def test_defaults_are_the_papers(view, expected):
    config = view().get_config()
    assert {name: config[name] for name in expected} == expected


def test_classes_derive_keyed_seeds(photographs):
    """With one seed, two classes sample independently."""

    class Seed(View):
        def transform(self, images, seed):
            return images + tf.random.stateless_uniform(
                tf.shape(images), seed, 0, 256, tf.int32
            )

        def check(self, images):
            pass

    class Other(Seed):
        pass

    images = tf.constant(photographs[:2], tf.int32)
    found = Seed()(images, 0).numpy()
    assert (Other()(images, 0).numpy() != found).mean() > 0.9
    np.testing.assert_array_equal(Seed()(images, 0), found)
