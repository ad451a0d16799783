"""SimCLR's augmentation, step by step, against loops."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from kconsist.views import SimCLRAugment, _ops
from kconsist.views._blur import gaussian_blur
from kconsist.views._seeds import as_seed
from kconsist.views.simclr_augment import turn_hue

PLAIN = {"strength": 0.0, "jitter_probability": 0.0, "gray_probability": 0.0}
SEED = as_seed(3)


def boxes_of(view, shape, count=20000):
    images = tf.zeros((count, *shape), tf.uint8)
    return view.draw_boxes(images, SEED).numpy().T


@pytest.mark.parametrize("shape", [(32, 32, 3), (24, 48, 1)])
def test_boxes_have_area_and_ratio_of_their_ranges(shape):
    view = SimCLRAugment(scale=(0.1, 0.5), ratio=(0.8, 1.25), flip=False)
    top, left, bottom, right = boxes_of(view, shape)
    assert min(top.min(), left.min()) >= 0
    assert max(bottom.max(), right.max()) <= 1
    tall, wide = bottom - top, right - left
    area = tall * wide
    ratio = wide * shape[1] / (tall * shape[0])
    whole = (tall < 0.999) & (wide < 0.999)  # The others are cut.
    assert whole.mean() > 0.8
    # Float32 products, and the margin of 1e-6 at the border.
    assert 0.0999 < area[whole].min() < 0.105
    assert 0.48 < area.max() < 0.5001
    assert 0.7995 < ratio[whole].min() < 0.81
    assert 1.24 < ratio[whole].max() < 1.2505
    if shape[0] == shape[1]:
        assert whole.mean() == 1
        # Uniform: Kolmogorov's distance of 20000 draws, 999 in 1000 times.
        spread = np.linspace(0, 1, len(area))
        assert abs(np.sort((area - 0.1) / 0.4) - spread).max() < 0.0138
        logs = np.log(ratio / 0.8) / np.log(1.25 / 0.8)
        assert abs(np.sort(logs) - spread).max() < 0.0138
        place = np.sort(top / (1 - tall))
        assert abs(place - spread).max() < 0.0138


def test_half_of_the_boxes_are_mirrored():
    _, left, _, right = boxes_of(SimCLRAugment(), (32, 32, 3))
    # Five standard deviations of a mean of 20000 draws.
    assert abs((left > right).mean() - 0.5) < 5 * 0.5 / 20000**0.5


def bilinear(image, box, height, width):
    """Resizes a box of one image, a loop over pixels."""
    top, left, bottom, right = box.astype("float64")
    rows = np.linspace(top, bottom, height) * (image.shape[0] - 1)
    columns = np.linspace(left, right, width) * (image.shape[1] - 1)
    result = np.zeros((height, width, image.shape[2]))
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            y0, x0 = int(y), int(x)
            fy, fx = y - y0, x - x0
            y1 = min(y0 + 1, image.shape[0] - 1)
            x1 = min(x0 + 1, image.shape[1] - 1)
            upper = (1 - fx) * image[y0, x0] + fx * image[y0, x1]
            lower = (1 - fx) * image[y1, x0] + fx * image[y1, x1]
            result[i, j] = (1 - fy) * upper + fy * lower
    return result


def test_crop_is_the_bilinear_resize_of_the_box(photographs):
    view = SimCLRAugment(size=(12, 20))
    boxes = view.draw_boxes(photographs, SEED)
    crops = view.crop(tf.constant(photographs), boxes).numpy()
    assert crops.shape == (24, 12, 20, 3)
    for image, box, crop in zip(photographs, boxes, crops, strict=True):
        expected = bilinear(image.astype("float64"), box.numpy(), 12, 20)
        # Half a level by rounding; the box is in float32.
        assert abs(crop - expected).max() < 0.51


def test_nothing_from_outside_comes_in():
    white = np.full((500, 33, 47, 3), 255, "uint8")
    for scale in ((0.08, 1.0), (1.0, 1.0)):
        view = SimCLRAugment(scale=scale, **PLAIN)
        assert (view(white, seed=0).numpy() == 255).all()


def test_whole_image_without_colors_is_a_flip(photographs):
    view = SimCLRAugment(scale=(1.0, 1.0), ratio=(1.0, 1.0), **PLAIN)
    result = view(photographs, seed=0).numpy().astype(int)
    difference = np.minimum(
        abs(result - photographs).max(axis=(1, 2, 3)),
        abs(result - photographs[:, :, ::-1]).max(axis=(1, 2, 3)),
    )
    # The margin of the box is 3e-5 pixels.
    assert difference.max() <= 1


def hue_by_loops(image, turn):
    result = np.zeros(image.shape)
    for place in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*(image[place] / 255.0))
        rgb = colorsys.hsv_to_rgb((hue + turn) % 1.0, saturation, value)
        result[place] = np.multiply(rgb, 255)
    return result


def test_hue_turns_as_in_colorsys(photographs):
    turns = np.linspace(-0.25, 0.25, 6).astype("float32")
    result = turn_hue(tf.constant(photographs[:6]), tf.constant(turns))
    for image, turn, turned in zip(photographs, turns, result, strict=False):
        # Half a level by rounding, the rest by float32.
        assert abs(turned.numpy() - hue_by_loops(image, turn)).max() < 0.502


def test_jitter_is_pillows_in_the_drawn_order(photographs):
    view = SimCLRAugment(strength=1.0)
    enhancers = {
        1: ImageEnhance.Brightness,
        2: ImageEnhance.Contrast,
        3: ImageEnhance.Color,
    }
    order, factors = view.draw_colors(24, SEED)
    result = view.jitter(tf.constant(photographs), SEED).numpy()
    assert len(np.unique(order, axis=0)) > 8
    for number, image in enumerate(photographs):
        for step in order[number].numpy():
            factor = float(factors[number, max(step, 1) - 1])
            if step in enhancers:
                picture = Image.fromarray(image)
                image = np.asarray(enhancers[step](picture).enhance(factor))
            elif step:  # The hue, of which colorsys is the oracle above.
                image = turn_hue(
                    tf.constant(image[None]), tf.constant([factor])
                )
                image = image[0].numpy()
        np.testing.assert_array_equal(result[number], image)


def test_jitter_draws_what_it_says():
    view = SimCLRAugment(strength=0.5, jitter_probability=0.8)
    order, factors = (t.numpy() for t in view.draw_colors(20000, SEED))
    chosen = order.any(axis=1)
    # Five standard deviations of a mean of 20000 draws.
    assert abs(chosen.mean() - 0.8) < 5 * 0.4 / 20000**0.5
    assert set(map(tuple, np.sort(order[chosen], axis=1))) == {(1, 2, 3, 4)}
    assert len(set(map(tuple, order[chosen]))) == 24
    for column, low, high in zip(
        factors.T, (0.6, 0.6, 0.6, -0.1), (1.4, 1.4, 1.4, 0.1), strict=True
    ):
        place = (np.sort(column) - low) / (high - low)
        assert abs(place - np.linspace(0, 1, 20000)).max() < 0.0138
    assert abs(np.corrcoef(factors.T) - np.eye(4)).max() < 5 / 20000**0.5


def test_gray_is_pillows(photographs):
    expected = [
        np.asarray(Image.fromarray(i).convert("L").convert("RGB"))
        for i in photographs
    ]
    np.testing.assert_array_equal(
        _ops.grayscale(tf.constant(photographs)), expected
    )


@pytest.mark.parametrize("side", [32, 96])
def test_blur_is_a_sum_over_a_gaussian_window(side):
    images = np.random.default_rng(0).integers(0, 256, (3, side, side + 9, 3))
    sigmas = np.array([0.1, 0.9, 2.0], "float32")
    result = gaussian_blur(tf.constant(images, tf.uint8), tf.constant(sigmas))
    radius = {32: 1, 96: 4}[side]  # A window of 3, and of 9 for 9.6.
    for image, sigma, blurred in zip(images, sigmas, result, strict=True):
        offsets = np.arange(-radius, radius + 1)
        weights = np.exp(-(offsets**2) / (2.0 * sigma**2))
        weights /= weights.sum()
        pad = [(radius, radius), (radius, radius), (0, 0)]
        padded = np.pad(image, pad, mode="reflect")
        expected = np.zeros(image.shape)
        for dy in range(2 * radius + 1):
            for dx in range(2 * radius + 1):
                part = padded[dy : dy + side, dx : dx + side + 9]
                expected += weights[dy] * weights[dx] * part
        assert abs(blurred.numpy() - expected).max() < 0.501


@pytest.mark.parametrize("name", ["gray", "blur", "solarize"])
def test_probability_is_the_share_of_changed_images(name, photographs):
    settings = {**PLAIN, "scale": (1.0, 1.0), "ratio": (1.0, 1.0)}
    images = np.repeat(photographs[:1], 1000, axis=0)
    plain = SimCLRAugment(**settings)(images, 0)
    settings[f"{name}_probability"] = 0.3
    result = SimCLRAugment(**settings)(images, 0)
    changed = (result != plain).numpy().any(axis=(1, 2, 3))
    # Five standard deviations of a mean of 1000 draws. (A blur of a standard
    # deviation below 0.3 changes nothing: that is 1 in 10.)
    share = 0.3 if name != "blur" else 0.285
    assert abs(changed.mean() - share) < 5 * (0.21 / 1000) ** 0.5 + 0.015


def test_blur_of_an_unknown_size_is_an_error():
    view = SimCLRAugment(blur_probability=0.5)
    signature = tf.TensorSpec((None, None, None, 3), tf.uint8)
    with pytest.raises(ValueError, match="blur needs images of a size"):
        tf.function(lambda x: view(x, 0)).get_concrete_function(signature)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be None, an int of at least 1"),
        ({"scale": 0.5}, r"scale must be \(least, most\), got 0.5"),
        ({"scale": (0.0, 1.0)}, "0 < least <= most"),
        ({"scale": (0.5, 1.5)}, "scale must be at most 1"),
        ({"ratio": (2, 1)}, "ratio must have 0 < least <= most"),
        ({"strength": 1.5}, r"strength must be in \[0, 1.25\], got 1.5"),
        ({"gray_probability": 2}, r"gray_probability must be in \[0, 1\]"),
    ],
)
def test_bad_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        SimCLRAugment(**arguments)


def test_blur_draws_its_deviations_uniformly():
    """Read off an edge, whose blurred value tells the deviation."""
    image = np.zeros((32, 32, 3), "uint8")
    image[:, 16:] = 255
    settings = {**PLAIN, "scale": (1.0, 1.0), "ratio": (1.0, 1.0)}
    view = SimCLRAugment(flip=False, blur_probability=1.0, **settings)
    found = view(np.repeat(image[None], 2000, axis=0), 0).numpy()[:, 8, 15, 0]

    def at_the_edge(sigma):
        weight = np.exp(-0.5 / sigma**2)
        return 255 * weight / (1 + 2 * weight)

    expected = at_the_edge(np.linspace(0.1, 2.0, 2000))
    assert found.max() == round(expected.max())
    # Five standard deviations of a mean of 2000 draws.
    deviation = expected.std() / 2000**0.5
    assert abs(found.mean() - expected.mean()) < 5 * deviation


def test_solarize_is_at_128():
    values = np.arange(256, dtype="uint8")[:, None, None, None]
    images = np.broadcast_to(values, (256, 8, 8, 3))
    view = SimCLRAugment(solarize_probability=1.0, **PLAIN)
    expected = np.where(images < 128, images, 255 - images)
    np.testing.assert_array_equal(view(images, 0), expected)


def test_rows_and_columns_of_boxes_are_independent():
    view = SimCLRAugment(scale=(0.25, 0.25), ratio=(1.0, 1.0), flip=False)
    top, left, _, _ = boxes_of(view, (32, 32, 3))
    # Five times 1 / sqrt(20000).
    assert abs(np.corrcoef(top, left)[0, 1]) < 0.036
