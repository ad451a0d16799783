"""The states of many seed sequences at once.

NumPy's `SeedSequence` mixes its words, one after the other, into a pool of four
words. Sequences that differ in the last word only share all steps but the last
one, which is done here for all of them together.

Reference: O'Neill 2015, "Developing a seed_seq alternative"
(https://www.pcg-random.org/posts/developing-a-seed_seq-alternative.html).
"""

import functools

import numpy as np

POOL_SIZE = 4
_STATE_SIZE = 8


def seed_states(seed, key, indices):
    """Returns what `SeedSequence(seed, spawn_key=(*key, index))` generates.

    Args:
        seed: int, 0 or more.
        key: tuple of ints from 0 to 2³² - 1.
        indices: int array (count,), from 0 to 2³² - 1.

    Returns:
        A uint64 array (count, 4), the state of each sequence.
    """
    # Each word of the seed, padded to the size of the pool, and of the key was
    # hashed once for each word of the pool.
    seed_words = max(POOL_SIZE, -(-int(seed).bit_length() // 32))
    hashes = POOL_SIZE * (seed_words + len(key))
    words = np.asarray(indices).astype(np.uint32)[:, None]
    words = _hash(words, _constants(0x43B0D7E5, 0x931E8875, hashes, POOL_SIZE))
    words *= np.uint32(0x4973F715)
    pool = _fold(_pool(seed, key) * np.uint32(0xCA01F9DD) - words)
    state = np.tile(pool, _STATE_SIZE // POOL_SIZE)
    state = _hash(state, _constants(0x8B51F9DD, 0x58F38DED, 0, _STATE_SIZE))
    low, high = state[:, ::2], state[:, 1::2].astype(np.uint64)
    return low | high << np.uint64(32)


@functools.lru_cache(maxsize=128)
def _pool(seed, key):
    return np.random.SeedSequence(seed, spawn_key=key).pool


@functools.lru_cache(maxsize=128)
def _constants(start, factor, first, count):
    """Returns the constants of the hashes `first` to `first + count`."""
    powers = [pow(factor, n, 2**32) for n in range(first, first + count + 1)]
    return np.array([start * power % 2**32 for power in powers], np.uint32)


def _hash(words, constants):
    return _fold((words ^ constants[:-1]) * constants[1:])


def _fold(words):
    return words ^ (words >> np.uint32(16))
