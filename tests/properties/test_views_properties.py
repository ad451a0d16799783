"""Properties of the views, for random images, seeds and arguments."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kconsist.views import (
    AugMix,
    Compose,
    Cutout,
    FlipCrop,
    Jitter,
    MixUp,
    MultiCrop,
    RandAugment,
    SimCLRAugment,
)

VIEWS = {
    "FlipCrop": FlipCrop(),
    "FlipCrop resized": FlipCrop(resize=12, crop=(8, 10)),
    "Cutout": Cutout(size=0.5),
    "RandAugment": RandAugment(),
    "AugMix": AugMix(width=2, max_depth=2),
    "SimCLR": SimCLRAugment(
        size=9, blur_probability=0.5, solarize_probability=0.5
    ),
    "Compose": Compose([FlipCrop(), RandAugment(), Cutout(4)]),
    "MultiCrop": MultiCrop([FlipCrop(), Cutout(5)], (2, 1)),
}
SEEDS = st.integers(-(2**63), 2**63 - 1)
PAIRS = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
SHAPES = st.tuples(
    st.integers(1, 4),
    st.integers(8, 18),
    st.integers(8, 18),
    st.sampled_from([1, 3]),
)
IMAGES = SHAPES.flatmap(lambda shape: hnp.arrays("uint8", shape))


def call(view, images, seed):
    return [np.array(x) for x in tf.nest.flatten(view(images, seed))]


@pytest.mark.parametrize("name", VIEWS)
@settings(max_examples=5)
@given(images=IMAGES, seed=SEEDS, other=st.integers(0, 255))
def test_result_depends_only_on_image_seed_and_index(name, images, seed, other):
    view, before = VIEWS[name], images.copy()
    found = call(view, images, seed)
    np.testing.assert_array_equal(images, before)
    # Replacing the other images of the batch changes nothing.
    neighbors = np.full_like(images, other)
    neighbors[-1] = images[-1]
    for a, b, again in zip(
        found,
        call(view, neighbors, seed),
        call(view, tf.constant(images), seed),
        strict=True,
    ):
        assert a.dtype == np.uint8
        assert a.shape[0] == len(images) and a.shape[-1] == images.shape[-1]
        np.testing.assert_array_equal(a[-1], b[-1])
        np.testing.assert_array_equal(a, again)


@pytest.mark.parametrize("name", VIEWS)
@settings(max_examples=3)
@given(images=IMAGES, pair=PAIRS)
def test_single_image_equals_a_batch_of_one(name, images, pair):
    view, seed = VIEWS[name], tf.constant(pair, tf.int64)
    for batch, single in zip(
        call(view, images[:1], seed), call(view, images[0], seed), strict=True
    ):
        np.testing.assert_array_equal(batch[0], single)


def pixels(image):
    return {tuple(pixel) for pixel in image.reshape(-1, image.shape[-1])}


@given(images=IMAGES, seed=SEEDS, padding=st.integers(0, 7))
def test_flip_crop_only_moves_pixels(images, seed, padding):
    (found,) = call(FlipCrop(padding=padding), images, seed)
    for before, after in zip(images, found, strict=True):
        assert pixels(after) <= pixels(before)
    (flipped,) = call(FlipCrop(padding=0), images, seed)
    for before, after in zip(images, flipped, strict=True):
        same = np.array_equal(after, before)
        assert same or np.array_equal(after, before[:, ::-1])
    (still,) = call(FlipCrop(flip=False, padding=0), images, seed)
    np.testing.assert_array_equal(still, images)


@given(
    images=IMAGES,
    seed=SEEDS,
    size=st.integers(1, 24),
    fill=st.integers(0, 255),
)
def test_cutout_fills_one_rectangle_and_keeps_the_rest(
    images, seed, size, fill
):
    images = np.where(images == fill, (fill + 1) % 256, images).astype("uint8")
    (found,) = call(Cutout(size, fill), images, seed)
    for before, after in zip(images, found, strict=True):
        changed = np.any(after != before, axis=-1)
        assert np.all(after[changed] == fill)
        rows, columns = np.nonzero(changed)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert changed.sum() == height * width
        # The center is inside, so at least half of the square is.
        for side, full in zip((height, width), before.shape, strict=False):
            assert min(size - size // 2, full) <= side + full * (size > full)
            assert side <= min(size, full)


@given(
    points=hnp.arrays("float32", (5, 3), elements=st.floats(-8, 8, width=32)),
    seed=SEEDS,
    radius=st.sampled_from([0.25, 1.0, 4.0]),
)
def test_jitter_stays_in_its_ball(points, seed, radius):
    moved = np.array(Jitter(radius=radius)(points, seed)) - points
    assert np.linalg.norm(moved, axis=1).max() <= radius * (1 + 1e-5) + 1e-5
    assert len(np.unique(moved, axis=0)) == len(moved)
    twice = np.array(Jitter(radius=2 * radius)(points, seed)) - points
    np.testing.assert_allclose(twice, 2 * moved, rtol=1e-3, atol=1e-5)
    deviation = np.array(Jitter(std=2.0)(points, seed)) - points
    half = np.array(Jitter(std=1.0)(points, seed)) - points
    np.testing.assert_allclose(deviation, 2 * half, rtol=1e-3, atol=1e-5)


@given(
    images=IMAGES,
    seed=SEEDS,
    alpha=st.sampled_from([0.1, 0.75, 5.0]),
    per_example=st.booleans(),
    at_least_half=st.booleans(),
)
def test_mix_up_keeps_the_range_of_pixels_and_the_sum_of_labels(
    images, seed, alpha, per_example, at_least_half
):
    view = MixUp(alpha, per_example=per_example, at_least_half=at_least_half)
    labels = np.eye(len(images), dtype="float32")
    mixed, targets = (np.array(x) for x in view(images, labels, seed))
    assert mixed.dtype == np.uint8
    assert mixed.min() >= images.min() and mixed.max() <= images.max()
    np.testing.assert_allclose(targets.sum(-1), 1, rtol=1e-5)
    # Each mixed label gives the weights of the images in the mixture.
    expected = np.tensordot(targets, images.astype("float64"), 1)
    np.testing.assert_allclose(mixed, expected, atol=0.51)
    # Each image is mixed with one other image, or with itself.
    np.testing.assert_allclose(
        np.count_nonzero(targets > 1e-6, axis=1), 1, atol=1
    )
    lam = np.diag(targets)
    if at_least_half:
        assert lam.min() >= 0.5 - 1e-6
    if not per_example:
        moved = lam < 1 - 1e-6
        assert np.ptp(lam[moved]) < 1e-6 if moved.any() else True


@settings(max_examples=3)
@given(images=IMAGES, seed=SEEDS)
def test_composition_of_one_view_equals_that_view(images, seed):
    for view in (FlipCrop(), Cutout(4), RandAugment()):
        np.testing.assert_array_equal(
            Compose([Compose([view])])(images, seed), view(images, seed)
        )
