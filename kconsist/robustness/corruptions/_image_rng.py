"""Random numbers that depend on the image, not on its batch."""

import functools
import zlib
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from kconsist.robustness.corruptions._seed_states import seed_states


class _State(ISeedSequence):
    """A seed sequence whose state is known: creating one is fast."""

    def __init__(self, state):
        self.state = state

    def generate_state(self, n_words, dtype=np.uint32):
        """Returns the state, for a generator that needs just this many."""
        return self.state


class ImageRNG:
    """One random generator for each image of a batch.

    The generator of image i is `PCG64` of `SeedSequence(seed, spawn_key=(name,
    severity, i))`. The name enters as its CRC-32, so the order of names does
    not matter. Each method samples from every generator in turn, so an image's
    random numbers do not depend on the batch it is in.

    Args:
        seed: int, 0 or more.
        name: str, the corruption.
        severity: int.
        indices: sequence of int, the index of each image in the data set, below
            2³².
    """

    def __init__(self, seed, name, severity, indices):
        self.seed = seed
        self.name = name
        self.severity = severity
        self.indices = indices
        self.count = len(indices)

    @functools.cached_property
    def generators(self):
        """A list of `numpy.random.Generator`, created when first used."""
        key = zlib.crc32(self.name.encode()), int(self.severity)
        states = seed_states(int(self.seed), key, self.indices)
        # NumPy accepts any `ISeedSequence`, but its type hints do not.
        sequences: list[Any] = [_State(state) for state in states]
        return [np.random.Generator(np.random.PCG64(s)) for s in sequences]

    def normal(self, shape, mean=0.0, deviation=1.0):
        """Returns normal samples, float64 (count, *shape)."""
        values = np.empty((self.count, *shape))
        for generator, image in zip(self.generators, values, strict=True):
            generator.standard_normal(out=image)
        values *= deviation
        values += mean
        return values

    def uniform(self, low, high, shape=()):
        """Returns uniform samples from [low, high), float64 (count, *shape)."""
        values = np.empty((self.count, *shape))
        for index, generator in enumerate(self.generators):
            values[index] = generator.random(shape)
        values *= high - low
        values += low
        return values

    def integers(self, low, high, shape=()):
        """Returns integers from low to high - 1, int64 (count, *shape)."""
        values = np.empty((self.count, *shape), np.int64)
        for index, generator in enumerate(self.generators):
            values[index] = generator.integers(low, high, shape)
        return values

    def poisson(self, means):
        """Returns one Poisson sample for each of the means, float64."""
        values = np.empty(means.shape)
        for index, generator in enumerate(self.generators):
            values[index] = generator.poisson(means[index])
        return values
