"""SimCLR's augmentation, step by step, against NumPy loops."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from kconsist.views import SimCLRAugment, _ops
from kconsist.views._blur import gaussian_blur
from kconsist.views._hue import adjust_hue
from kconsist.views._seeds import as_seed

PLAIN = {"strength": 0.0, "jitter_probability": 0.0, "gray_probability": 0.0}
SEED = as_seed(3)


def sample_boxes(view, shape, count=20000):
    images = tf.zeros((count, *shape), tf.uint8)
    return view.sample_boxes(images, SEED).numpy().T


@pytest.mark.parametrize("shape", [(32, 32, 3), (24, 48, 1)])
def test_area_and_ratio_of_boxes_are_in_range(shape):
    view = SimCLRAugment(scale=(0.1, 0.5), ratio=(0.8, 1.25), flip=False)
    top, left, bottom, right = sample_boxes(view, shape)
    assert min(top.min(), left.min()) >= 0
    assert max(bottom.max(), right.max()) <= 1
    height, width = bottom - top, right - left
    area = height * width
    ratio = width * shape[1] / (height * shape[0])
    inside = (height < 0.999) & (width < 0.999)  # The others are clipped.
    assert inside.mean() > 0.8
    # Float32 products, and the margin of 1e-6 at the border.
    assert 0.0999 < area[inside].min() < 0.105
    assert 0.48 < area.max() < 0.5001
    assert 0.7995 < ratio[inside].min() < 0.81
    assert 1.24 < ratio[inside].max() < 1.2505
    if shape[0] == shape[1]:
        assert inside.mean() == 1
        # Uniform: Kolmogorov-Smirnov distance of 20000, at p = 0.001.
        uniform = np.linspace(0, 1, len(area))
        assert abs(np.sort((area - 0.1) / 0.4) - uniform).max() < 0.0138
        logs = np.log(ratio / 0.8) / np.log(1.25 / 0.8)
        assert abs(np.sort(logs) - uniform).max() < 0.0138
        position = np.sort(top / (1 - height))
        assert abs(position - uniform).max() < 0.0138


def test_half_of_the_boxes_are_mirrored():
    _, left, _, right = sample_boxes(SimCLRAugment(), (32, 32, 3))
    # Five standard deviations of a mean of 20000 samples.
    assert abs((left > right).mean() - 0.5) < 5 * 0.5 / 20000**0.5


def bilinear(image, box, height, width):
    """Resizes a box of one image in a loop over pixels."""
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
    boxes = view.sample_boxes(photographs, SEED)
    crops = view.crop(tf.constant(photographs), boxes).numpy()
    assert crops.shape == (24, 12, 20, 3)
    for image, box, crop in zip(photographs, boxes, crops, strict=True):
        expected = bilinear(image.astype("float64"), box.numpy(), 12, 20)
        # Half a level from rounding; the box is in float32.
        assert abs(crop - expected).max() < 0.51


def test_crops_read_no_pixels_from_outside():
    white = np.full((500, 33, 47, 3), 255, "uint8")
    for scale in ((0.08, 1.0), (1.0, 1.0)):
        view = SimCLRAugment(scale=scale, **PLAIN)
        assert (view(white, seed=0).numpy() == 255).all()


def test_full_crop_without_color_changes_is_a_flip(photographs):
    view = SimCLRAugment(scale=(1.0, 1.0), ratio=(1.0, 1.0), **PLAIN)
    result = view(photographs, seed=0).numpy().astype(int)
    difference = np.minimum(
        abs(result - photographs).max(axis=(1, 2, 3)),
        abs(result - photographs[:, :, ::-1]).max(axis=(1, 2, 3)),
    )
    # The margin of the box is 3e-5 pixels.
    assert difference.max() <= 1


def hue_by_loops(image, shift):
    result = np.zeros(image.shape)
    for index in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*(image[index] / 255.0))
        rgb = colorsys.hsv_to_rgb((hue + shift) % 1.0, saturation, value)
        result[index] = np.multiply(rgb, 255)
    return result


def test_hue_shift_equals_colorsys(photographs):
    shifts = np.linspace(-0.25, 0.25, 6).astype("float32")
    result = adjust_hue(tf.constant(photographs[:6]), tf.constant(shifts))
    for image, shift, shifted in zip(photographs, shifts, result, strict=False):
        # Half a level from rounding, the rest from float32.
        assert abs(shifted.numpy() - hue_by_loops(image, shift)).max() < 0.502


def test_jitter_equals_pillow_in_the_sampled_order(photographs):
    view = SimCLRAugment(strength=1.0)
    enhancers = {
        1: ImageEnhance.Brightness,
        2: ImageEnhance.Contrast,
        3: ImageEnhance.Color,
    }
    order, factors = view.sample_jitter(24, SEED)
    result = view.jitter(tf.constant(photographs), SEED).numpy()
    assert len(np.unique(order, axis=0)) > 8
    for number, image in enumerate(photographs):
        for step in order[number].numpy():
            factor = float(factors[number, max(step, 1) - 1])
            if step in enhancers:
                picture = Image.fromarray(image)
                image = np.asarray(enhancers[step](picture).enhance(factor))
            elif step:  # The hue, tested against colorsys above.
                image = adjust_hue(
                    tf.constant(image[None]), tf.constant([factor])
                )
                image = image[0].numpy()
        np.testing.assert_array_equal(result[number], image)


def test_jitter_samples_its_documented_ranges():
    view = SimCLRAugment(strength=0.5, jitter_probability=0.8)
    order, factors = (t.numpy() for t in view.sample_jitter(20000, SEED))
    jittered = order.any(axis=1)
    # Five standard deviations of a mean of 20000 samples.
    assert abs(jittered.mean() - 0.8) < 5 * 0.4 / 20000**0.5
    assert set(map(tuple, np.sort(order[jittered], axis=1))) == {(1, 2, 3, 4)}
    assert len(set(map(tuple, order[jittered]))) == 24
    for column, low, high in zip(
        factors.T, (0.6, 0.6, 0.6, -0.1), (1.4, 1.4, 1.4, 0.1), strict=True
    ):
        relative = (np.sort(column) - low) / (high - low)
        assert abs(relative - np.linspace(0, 1, 20000)).max() < 0.0138
    assert abs(np.corrcoef(factors.T) - np.eye(4)).max() < 5 / 20000**0.5


def test_grayscale_equals_pillow(photographs):
    expected = [
        np.asarray(Image.fromarray(i).convert("L").convert("RGB"))
        for i in photographs
    ]
    np.testing.assert_array_equal(
        _ops.grayscale(tf.constant(photographs)), expected
    )


@pytest.mark.parametrize("side", [32, 96])
def test_blur_is_a_weighted_sum_over_the_kernel(side):
    images = np.random.default_rng(0).integers(0, 256, (3, side, side + 9, 3))
    sigmas = np.array([0.1, 0.9, 2.0], "float32")
    result = gaussian_blur(tf.constant(images, tf.uint8), tf.constant(sigmas))
    radius = {32: 1, 96: 4}[side]  # Kernel sizes of 3, and of 9 for 9.6.
    for image, sigma, blurred in zip(images, sigmas, result, strict=True):
        offsets = np.arange(-radius, radius + 1)
        weights = np.exp(-(offsets**2) / (2.0 * sigma**2))
        weights /= weights.sum()
        pad = [(radius, radius), (radius, radius), (0, 0)]
        padded = np.pad(image, pad, mode="reflect")
        expected = np.zeros(image.shape)
        for dy in range(2 * radius + 1):
            for dx in range(2 * radius + 1):
                shifted = padded[dy : dy + side, dx : dx + side + 9]
                expected += weights[dy] * weights[dx] * shifted
        assert abs(blurred.numpy() - expected).max() < 0.501


@pytest.mark.parametrize("name", ["gray", "blur", "solarize"])
def test_images_are_changed_with_the_given_probability(name, photographs):
    settings = {**PLAIN, "scale": (1.0, 1.0), "ratio": (1.0, 1.0)}
    images = np.repeat(photographs[:1], 1000, axis=0)
    plain = SimCLRAugment(**settings)(images, 0)
    settings[f"{name}_probability"] = 0.3
    result = SimCLRAugment(**settings)(images, 0)
    changed = (result != plain).numpy().any(axis=(1, 2, 3))
    # Five standard deviations of a mean of 1000 samples. (Blurs with a
    # deviation below 0.3, 1 in 10, change nothing.)
    expected = 0.3 if name != "blur" else 0.285
    assert abs(changed.mean() - expected) < 5 * (0.21 / 1000) ** 0.5 + 0.015


def test_blur_of_an_unknown_size_is_an_error():
    view = SimCLRAugment(blur_probability=0.5)
    signature = tf.TensorSpec((None, None, None, 3), tf.uint8)
    with pytest.raises(
        ValueError, match="blur requires images of static height"
    ):
        tf.function(lambda x: view(x, 0)).get_concrete_function(signature)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be None, an int of at least 1"),
        ({"scale": 0.5}, r"scale must be a pair \(minimum, maximum\), got 0.5"),
        ({"scale": (0.0, 1.0)}, "0 < minimum <= maximum"),
        ({"scale": (0.5, 1.5)}, "scale must be at most 1"),
        ({"ratio": (2, 1)}, "ratio must satisfy 0 < minimum <= maximum"),
        ({"strength": 1.5}, r"strength must be in \[0, 1.25\], got 1.5"),
        ({"gray_probability": 2}, r"gray_probability must be in \[0, 1\]"),
    ],
)
def test_bad_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        SimCLRAugment(**arguments)


def test_standard_deviations_of_blurs_are_uniform():
    """The blurred value next to an edge determines the deviation."""
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
    # Five standard deviations of a mean of 2000 samples.
    deviation = expected.std() / 2000**0.5
    assert abs(found.mean() - expected.mean()) < 5 * deviation


def test_solarize_threshold_is_128():
    values = np.arange(256, dtype="uint8")[:, None, None, None]
    images = np.broadcast_to(values, (256, 8, 8, 3))
    view = SimCLRAugment(solarize_probability=1.0, **PLAIN)
    expected = np.where(images < 128, images, 255 - images)
    np.testing.assert_array_equal(view(images, 0), expected)


def test_rows_and_columns_of_boxes_are_independent():
    view = SimCLRAugment(scale=(0.25, 0.25), ratio=(1.0, 1.0), flip=False)
    top, left, _, _ = sample_boxes(view, (32, 32, 3))
    # Five times 1 / sqrt(20000).
    assert abs(np.corrcoef(top, left)[0, 1]) < 0.036
