"""Blur: averages each pixel with others.

Each function takes uint8 images (count, height, width, channels), the random
generators of these images if it is random, and the constants of a severity. It
returns uint8 images.
"""

import itertools

import numpy as np
from scipy import ndimage

from kconsist.robustness.corruptions._pixels import to_bytes, to_unit
from kconsist.robustness.corruptions._zoom import clipped_zoom, zoomed_sides


def gaussian_blur(images, sigma):
    """Blurs with a Gaussian of `sigma` pixels, truncated at 4 sigma."""
    return to_bytes(smooth(to_unit(images), sigma))


def smooth(values, sigma):
    """Smooths float images with a Gaussian; replicates the borders."""
    return ndimage.gaussian_filter(
        values, (0, sigma, sigma, 0), mode="nearest", truncate=4
    )


def defocus_blur(images, radius, alias_sigma):
    """Averages over a disk of `radius`, smoothed by `alias_sigma`."""
    kernel = disk(radius, alias_sigma)[None, :, :, None]
    return to_bytes(ndimage.correlate(to_unit(images), kernel, mode="mirror"))


def disk(radius, alias_sigma):
    """Returns the kernel of `defocus_blur`, float32, without zero borders.

    The disk contains the grid points within the radius. It is smoothed with a
    3 x 3 kernel up to a radius of 8, and with a 5 x 5 kernel above.
    """
    reach = max(8, int(radius))
    line = np.arange(-reach, reach + 1)
    # In float32 the sum exceeds 1 by up to 4e-8, so that flat areas do not
    # lose a level when they are truncated.
    kernel = (line[:, None] ** 2 + line**2 <= radius**2).astype(np.float32)
    kernel /= kernel.sum()
    steps = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
    taps = np.exp(-(steps**2) / (2 * alias_sigma**2))
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (1, 0):
        kernel = ndimage.correlate1d(kernel, taps, axis, mode="mirror")
    kernel[kernel < 1e-12] = 0
    used = np.flatnonzero(kernel.any(0))
    return kernel[used[0] : used[-1] + 1, used[0] : used[-1] + 1]


def glass_blur(images, rng, sigma, max_delta, iterations):
    """Simulates frosted glass: moves pixels by up to `max_delta`.

    Pixels are moved `iterations` times. The images are smoothed by `sigma`
    before and after.
    """
    height, width = images.shape[1:3]
    sites = (height - 2 * max_delta) * (width - 2 * max_delta)
    offsets = rng.integers(-max_delta, max_delta, (iterations, sites, 2))
    shuffled = shuffle_pixels(gaussian_blur(images, sigma), offsets, max_delta)
    return to_bytes(smooth(to_unit(shuffled), sigma))


def shuffle_pixels(images, offsets, max_delta):
    """Overwrites pixels with neighboring ones, one after the other.

    Sites are visited from the lower right to the upper left. They exclude
    `max_delta` pixels at the lower and right borders and `max_delta` + 1 at
    the upper and left borders. The published code intends to swap two pixels,
    but its second write reads the value that the first has overwritten: the
    site takes its neighbor's value, and the neighbor keeps it.

    Args:
        images: uint8 array (count, height, width, channels).
        offsets: int array (count, iterations, sites, 2), the offset of each
            site's neighbor, right and down, from -`max_delta` to
            `max_delta` - 1. Sites are in the order in which they are visited.
        max_delta: int.

    Returns:
        A uint8 array of the shape of `images`.
    """
    count, height, width, channels = images.shape
    # The source index of each pixel. The batch is last, so that the writes to
    # a site are contiguous.
    source = np.arange(height * width)[:, None].repeat(count, 1)
    batch = np.arange(count)
    rows = np.arange(height - max_delta, max_delta, -1)[:, None]
    columns = np.arange(width - max_delta, max_delta, -1)
    sites = (rows * width + columns).ravel()
    steps = np.moveaxis(offsets[..., 0] + width * offsets[..., 1], 0, -1)
    for neighbors in sites[:, None] + steps:
        if max_delta == 1:
            # Neighbors are above or to the left: not overwritten yet.
            source[sites] = source[neighbors, batch]
            continue
        for site, neighbor in zip(sites, neighbors, strict=True):
            source[site] = source[neighbor, batch]
    flat = images.reshape(count, height * width, channels)
    return flat[batch[:, None], source.T].reshape(images.shape)


def motion_blur(images, rng, radius, sigma):
    """Blurs along a random line within 45 degrees of horizontal."""
    return blur_along(images, rng.uniform(-45, 45), radius, sigma)


def blur_along(images, angles, radius, sigma):
    """Blurs each image along its own angle.

    The weights are one half of a Gaussian, starting at its peak, so the image
    is also shifted. Borders are replicated. As in ImageMagick, the result is
    rounded to 16 bits and then truncated to 8.

    Args:
        images: uint8 array (count, height, width, channels).
        angles: float array (count,), in degrees.
        radius: int, for 2 `radius` + 1 weights.
        sigma: float, standard deviation of the Gaussian, in pixels.

    Returns:
        A uint8 array of the shape of `images`.
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    radians = np.deg2rad(angles)[:, None]
    right = np.ceil(steps * np.cos(radians) - 0.5).astype(int)
    down = np.ceil(steps * np.sin(radians) - 0.5).astype(int)

    reach = 2 * radius
    border = ((0, 0), (reach, reach), (reach, reach), (0, 0))
    padded = np.pad(images, border, mode="edge")
    # windows[n, y, x] is image n, shifted by (y - reach, x - reach).
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, images.shape[1:], axis=(1, 2, 3)
    )[:, :, :, 0]
    batch = np.arange(len(images))
    total = np.zeros(images.shape)
    for step, weight in enumerate(257 * weights):
        shifted = windows[batch, reach + down[:, step], reach + right[:, step]]
        total += weight * shifted
    return (np.floor(total + 0.5) // 257).astype(np.uint8)


def zoom_blur(images, factors):
    """Averages the images and their centers, magnified by each factor."""

    def sides(factor):
        return [zoomed_sides(side, factor) for side in images.shape[1:3]]

    # The batch goes behind height and width for longer contiguous reads.
    values = np.moveaxis(to_unit(images, np.float32), 0, 2).copy()
    total = np.zeros_like(values)
    for _, (factor, *others) in itertools.groupby(factors, sides):
        zoomed = clipped_zoom(values, factor).astype(np.float32)
        for _ in (factor, *others):
            total += zoomed
    total += values
    total /= len(factors) + 1
    return np.moveaxis(to_bytes(total), 2, 0)
