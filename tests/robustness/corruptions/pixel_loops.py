"""Oracles for single images, shared by several tests."""

import math

import numpy as np
from scipy import ndimage


def motion_by_loops(image, angle, radius, sigma):
    """Motion blur by its closed form, pixel by pixel."""
    height, width, channels = image.shape
    count = 2 * radius + 1
    weights = [math.exp(-(i**2) / (2 * sigma**2)) for i in range(count)]
    weights = [w / sum(weights) for w in weights]
    theta = math.radians(angle)
    result = np.zeros_like(image)
    for y, x, c in np.ndindex(height, width, channels):
        total = 0.0
        for i, weight in enumerate(weights):
            row = y + math.ceil(i * math.sin(theta) - 0.5)
            column = x + math.ceil(i * math.cos(theta) - 0.5)
            row = min(max(row, 0), height - 1)
            column = min(max(column, 0), width - 1)
            total += weight * image[row, column, c]
        result[y, x, c] = math.floor(257 * total + 0.5) // 257
    return result


def zoom_by_scipy(image, factor):
    """The clipped zoom of one image (height, width, channels)."""
    height, width, _ = image.shape
    rows, columns = math.ceil(height / factor), math.ceil(width / factor)
    top, left = (height - rows) // 2, (width - columns) // 2
    crop = image[top : top + rows, left : left + columns]
    grown = ndimage.zoom(crop, (factor, factor, 1), order=1)
    top, left = (grown.shape[0] - height) // 2, (grown.shape[1] - width) // 2
    return grown[top : top + height, left : left + width]
