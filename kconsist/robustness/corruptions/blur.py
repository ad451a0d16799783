"""Blur: each pixel is mixed with others.

Each function takes uint8 images (count, height, width, channels), the draws of
these images where it needs some, and the constants of a severity, and returns
uint8 images.
"""

import numpy as np
from scipy import ndimage

from kconsist.robustness.corruptions.pixels import to_bytes, to_unit
from kconsist.robustness.corruptions.zoom import clipped_zoom


def gaussian_blur(images, sigma):
    """Blurs by a Gaussian of `sigma` pixels, cut at 4 sigma."""
    return to_bytes(smooth(to_unit(images), sigma))


def smooth(values, sigma):
    """Smooths float images by a Gaussian; borders are replicated."""
    return ndimage.gaussian_filter(
        values, (0, sigma, sigma, 0), mode="nearest", truncate=4
    )


def defocus_blur(images, radius, alias_sigma):
    """Averages over a disk of `radius`, itself smoothed by `alias_sigma`."""
    kernel = disk(radius, alias_sigma)[None, :, :, None]
    return to_bytes(ndimage.correlate(to_unit(images), kernel, mode="mirror"))


def disk(radius, alias_sigma):
    """Returns the kernel of `defocus_blur`, float32, without zero borders.

    The disk is of the grid points within the radius. Up to a radius of 8 it is
    smoothed by 3 x 3 taps, above it by 5 x 5.
    """
    reach = max(8, int(radius))
    line = np.arange(-reach, reach + 1)
    # In float32 the sum exceeds 1 by up to 4e-8. It keeps flat areas from
    # losing a level when they are truncated.
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


def glass_blur(images, draws, sigma, most, passes):
    """Looks through frosted glass: pixels move by up to `most`, `passes` times.

    The images are smoothed by `sigma` before and after.
    """
    height, width = images.shape[1:3]
    sites = (height - 2 * most) * (width - 2 * most)
    moves = draws.integers(-most, most, (passes, sites, 2))
    moved = shuffled(gaussian_blur(images, sigma), moves, most)
    return to_bytes(smooth(to_unit(moved), sigma))


def shuffled(images, moves, most):
    """Overwrites pixels by neighbors, one after the other.

    Sites are visited from the lower right to the upper left, and leave out
    `most` pixels at the lower and right border and `most` + 1 at the upper and
    left one. The published code means to swap two pixels, but its second write
    reads what the first has overwritten: the site takes its neighbor's value,
    and the neighbor keeps it.

    Args:
        images: uint8 array (count, height, width, channels).
        moves: int array (count, passes, sites, 2), for each site in the order
            of the visit how far its neighbor is, to the right and down, from
            -`most` to `most` - 1.
        most: int.

    Returns:
        A uint8 array of the shape of `images`.
    """
    count, height, width, channels = images.shape
    # Where each pixel's value comes from; the batch last, so that a site's
    # write is one line of memory.
    source = np.arange(height * width)[:, None].repeat(count, 1)
    batch = np.arange(count)
    rows = np.arange(height - most, most, -1)[:, None]
    sites = (rows * width + np.arange(width - most, most, -1)).ravel()
    steps = np.moveaxis(moves[..., 0] + width * moves[..., 1], 0, -1)
    for neighbors in sites[:, None] + steps:
        if most == 1:
            # Neighbors are above or to the left, so not overwritten yet.
            source[sites] = source[neighbors, batch]
            continue
        for site, neighbor in zip(sites, neighbors, strict=True):
            source[site] = source[neighbor, batch]
    flat = images.reshape(count, height * width, channels)
    return flat[batch[:, None], source.T].reshape(images.shape)


def motion_blur(images, draws, radius, sigma):
    """Moves the camera along a line within 45 degrees of level."""
    return moved(images, draws.uniform(-45, 45), radius, sigma)


def moved(images, angles, radius, sigma):
    """Blurs each image along its own angle.

    The weights are one half of a Gaussian, from its peak on, so that the image
    is also shifted. Borders are replicated. As in ImageMagick the result is
    rounded to 16 bits, then cut to 8.

    Args:
        images: uint8 array (count, height, width, channels).
        angles: float array (count,), in degrees.
        radius: int; there are 2 `radius` + 1 weights.
        sigma: float, of the Gaussian, in pixels.

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
    """Averages the images and their middles, magnified by each factor."""
    # The batch behind height and width, so that lines of memory are long.
    values = np.moveaxis(to_unit(images, np.float32), 0, 2).copy()
    total = np.zeros_like(values)
    for factor in factors:
        total += clipped_zoom(values, factor).astype(np.float32)
    total += values
    total /= len(factors) + 1
    return np.moveaxis(to_bytes(total), 2, 0)
