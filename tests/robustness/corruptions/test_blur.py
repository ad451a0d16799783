"""The blurs against loops over pixels, with given random numbers."""

import numpy as np
import pytest
from pixel_loops import motion_by_loops, zoom_by_scipy
from scipy import ndimage

from kconsist.robustness.corruptions import PRESETS, _blur, _zoom, corrupt
from kconsist.robustness.corruptions.presets import CIFAR


@pytest.fixture
def images(rng):
    """Three images of noise and a smooth one."""
    noise = rng.integers(0, 256, (3, 14, 18, 3))
    smooth = 127 + 120 * np.sin(np.arange(14 * 18 * 3).reshape(14, 18, 3) / 50)
    return np.concatenate([noise, smooth[None]]).astype(np.uint8)


@pytest.mark.parametrize("radius, sigma", [(6, 1), (9, 2.5), (14, 12)])
def test_motion_blur_is_its_closed_form(images, radius, sigma):
    angles = np.array([-44.9, 0.0, 31.7, -117.3])
    found = _blur.blur_along(images, angles, radius, sigma)
    for image, angle, result in zip(images, angles, found, strict=True):
        expected = motion_by_loops(image, angle, radius, sigma)
        np.testing.assert_array_equal(result, expected)


def test_motion_of_a_point_shows_the_kernel():
    """A one-sided kernel: a bright point trails to one side only."""
    image = np.zeros((1, 33, 33, 1), np.uint8)
    image[0, 16, 16] = 255
    found = _blur.blur_along(image, np.array([0.0]), 6, 2)[0, :, :, 0]
    weights = np.exp(-(np.arange(13) ** 2) / 8)
    weights /= weights.sum()
    np.testing.assert_array_equal(found[16, 4:17], (255 * weights[::-1]) // 1)
    found[16, 4:17] = 0
    assert not found.any()


def test_motion_blur_samples_angles_within_45_degrees():
    class RecordingRNG:
        def uniform(self, low, high):
            self.range = low, high
            return np.zeros(1)

    rng = RecordingRNG()
    image = np.zeros((1, 8, 8, 3), np.uint8)
    _blur.motion_blur(image, rng, 6, 1)
    assert rng.range == (-45, 45)


def glass_by_loops(image, offsets, sigma, max_delta):
    """The published loop, whose swap does not swap NumPy views."""
    height, width, _ = image.shape
    pixels = np.uint8(255 * gaussian(image / 255, sigma))
    for of_iteration in offsets:
        site = iter(of_iteration)
        for h in range(height - max_delta, max_delta, -1):
            for w in range(width - max_delta, max_delta, -1):
                dx, dy = next(site)
                h2, w2 = h + dy, w + dx
                pixels[h, w], pixels[h2, w2] = pixels[h2, w2], pixels[h, w]
    return np.uint8(255 * np.clip(gaussian(pixels / 255, sigma), 0, 1))


def gaussian(image, sigma):
    return ndimage.gaussian_filter(
        image, (sigma, sigma, 0), mode="nearest", truncate=4
    )


class FixedRNG:
    """Returns given integers."""

    def __init__(self, values):
        self.values = values

    def integers(self, low, high, shape):
        assert self.values.shape[1:] == shape
        assert self.values.min() == low and self.values.max() == high - 1
        return self.values


@pytest.mark.parametrize(
    "sigma, max_delta, iterations",
    [(0.05, 1, 1), (0.4, 1, 2), (0.9, 2, 2), (1, 4, 1)],
)
def test_glass_blur_is_the_published_loop(
    images, rng, sigma, max_delta, iterations
):
    sites = (14 - 2 * max_delta) * (18 - 2 * max_delta)
    shape = len(images), iterations, sites, 2
    offsets = rng.integers(-max_delta, max_delta, shape)
    found = _blur.glass_blur(
        images, FixedRNG(offsets), sigma, max_delta, iterations
    )
    for image, of_image, result in zip(images, offsets, found, strict=True):
        expected = glass_by_loops(image, of_image, sigma, max_delta)
        np.testing.assert_array_equal(result, expected)


def test_glass_blur_copies_pixels_and_keeps_two_borders():
    """At severity 1, smoothing has no effect; two borders are unchanged."""
    image = np.arange(32 * 32, dtype=int).reshape(1, 32, 32, 1) % 251
    image = np.concatenate([image, image // 2, 250 - image], -1).astype("uint8")
    found = corrupt(image, "glass_blur", 1)
    assert {tuple(p) for p in found.reshape(-1, 3)} <= {
        tuple(p) for p in _blur.gaussian_blur(image, 0.05).reshape(-1, 3)
    }
    smooth = _blur.gaussian_blur(_blur.gaussian_blur(image, 0.05), 0.05)
    np.testing.assert_array_equal(found[:, :2], smooth[:, :2])
    np.testing.assert_array_equal(found[:, :, :2], smooth[:, :, :2])
    assert (found[:, 2:, 2:] != smooth[:, 2:, 2:]).any()


@pytest.mark.parametrize("severity, counts", enumerate((7, 12, 16, 21, 26), 1))
def test_zoom_factors_keep_their_rounding(severity, counts):
    """The ends 1.06 and 1.11 are included; 1.16, 1.21 and 1.26 are not."""
    factors = CIFAR["zoom_blur"][severity - 1][0]
    assert len(factors) == counts
    assert factors[-1] == pytest.approx(
        (1.06, 1.11, 1.15, 1.2, 1.25)[severity - 1]
    )


@pytest.mark.parametrize("shape", [(32, 32, 3), (14, 18, 3), (64, 8, 1)])
def test_clipped_zoom_is_that_of_scipy(rng, shape):
    image = rng.random(shape)
    factors = {
        f for p in PRESETS.values() for (f,) in p["zoom_blur"] for f in f
    } | {s[2] for p in PRESETS.values() for s in p["snow"]}
    for factor in factors:
        np.testing.assert_allclose(
            _zoom.clipped_zoom(image, factor),
            zoom_by_scipy(image, factor),
            atol=1e-12,
            err_msg=f"factor {factor}",
        )


def test_smallest_zooms_have_no_effect_or_shift(rng):
    image = rng.random((32, 32, 1))
    for factor in (1.0, 1.01):
        np.testing.assert_array_equal(_zoom.clipped_zoom(image, factor), image)
    assert (_zoom.clipped_zoom(image, 1.02) != image).any()


@pytest.mark.parametrize("preset", PRESETS)
def test_zoom_blur_is_the_mean_of_all_zooms(rng, preset):
    """Several factors give the same zoom of one side, but not of the other."""
    images = rng.integers(0, 256, (3, 32, 17, 3)).astype("uint8")
    for (factors,) in PRESETS[preset]["zoom_blur"]:
        values = (images / 255).astype("float32")
        total = np.zeros_like(values)
        for factor in factors:
            zooms = [_zoom.clipped_zoom(image, factor) for image in values]
            total += np.stack(zooms).astype("float32")
        mean = (total + values) / np.float32(len(factors) + 1)
        expected = (np.clip(mean, 0, 1) * np.float32(255)).astype("uint8")
        found = _blur.zoom_blur(images, factors)
        np.testing.assert_array_equal(found, expected)


def test_zoom_blur_counts_the_image_twice(images):
    """Once unchanged, and once as its zoom by 1."""
    found = _blur.zoom_blur(images, (1.0, 1.25))
    for image, result in zip(images, found, strict=True):
        values = (image / 255).astype(np.float32)
        zoomed = zoom_by_scipy(values, 1.25)
        expected = np.uint8(255 * ((2 * values + zoomed) / 3))
        difference = np.abs(result.astype(int) - expected)
        assert difference.max() <= 1 and (difference == 0).mean() > 0.99


def test_defocus_at_5_is_the_mean_of_nine(images):
    found = corrupt(images, "defocus_blur", 5)
    padded = np.pad(images / 255, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    for n, y, x, c in np.ndindex(images.shape):
        mean = padded[n, y : y + 3, x : x + 3, c].mean()
        # The kernel's sum exceeds 1 by 7e-9.
        assert found[n, y, x, c] == int(255 * mean + 1e-5)


@pytest.mark.parametrize(
    "severity, taps",
    [
        (1, (0.040388, 0.919224, 0.040388)),
        (2, (0.106507, 0.786986, 0.106507)),
        (3, (0.166379, 0.667243, 0.166379)),
    ],
)
def test_defocus_below_a_pixel_is_a_small_gaussian(severity, taps):
    kernel = _blur.disk(*CIFAR["defocus_blur"][severity - 1])
    np.testing.assert_allclose(kernel, np.outer(taps, taps), atol=1e-6)


def test_defocus_at_4_is_a_plus():
    kernel = _blur.disk(*CIFAR["defocus_blur"][3])
    plus = np.zeros((5, 5))
    plus[2, 1:4] = plus[1:4, 2] = 0.2
    np.testing.assert_allclose(kernel, plus, atol=4e-6)


@pytest.mark.parametrize("severity", range(5))
@pytest.mark.parametrize("preset", PRESETS)
def test_defocus_is_that_of_opencv(rng, preset, severity):
    cv2 = pytest.importorskip("cv2")
    radius, alias = PRESETS[preset]["defocus_blur"][severity]
    image = rng.integers(0, 256, (40, 36, 3)).astype(np.uint8)
    small = radius <= 8
    line = np.arange(-8, 9) if small else np.arange(-radius, radius + 1)
    x, y = np.meshgrid(line, line)
    kernel = np.float32(x**2 + y**2 <= radius**2)
    kernel = cv2.GaussianBlur(
        kernel / kernel.sum(), (3, 3) if small else (5, 5), alias
    )
    expected = 255 * np.clip(cv2.filter2D(image / 255, -1, kernel), 0, 1)
    found = _blur.defocus_blur(image[None], radius, alias)[0]
    assert (found == np.uint8(expected)).mean() > 0.999
    assert np.abs(found - expected).max() <= 1.001


@pytest.mark.parametrize("name", ["defocus_blur", "motion_blur"])
def test_flat_images_are_unchanged(name):
    flat = np.broadcast_to(
        np.arange(256, dtype=np.uint8)[:, None, None, None], (256, 9, 9, 3)
    )
    for severity in range(1, 6):
        np.testing.assert_array_equal(corrupt(flat, name, severity), flat)


@pytest.mark.parametrize(
    "name, max_lost",
    [("gaussian_blur", 1), ("zoom_blur", 1), ("glass_blur", 2)],
)
def test_flat_images_lose_a_level_at_most(name, max_lost):
    """Floats just below a level are truncated, as in the benchmark."""
    flat = np.broadcast_to(
        np.arange(256, dtype=np.uint8)[:, None, None, None], (256, 9, 9, 3)
    )
    for severity in range(1, 6):
        lost = flat.astype(int) - corrupt(flat, name, severity)
        assert lost.min() >= 0 and lost.max() <= max_lost
