"""Stateless seeds: conversion, folding and splitting."""

import tensorflow as tf


@tf.autograph.experimental.do_not_convert
def as_seed(seed):
    """Returns the stateless seed for an int or an int tensor.

    Args:
        seed: a Python int of up to 64 bits, or an int tensor of shape () or
            (2,).

    Returns:
        An int tensor of shape (2,).
    """
    if isinstance(seed, int) and not isinstance(seed, bool):
        # Two's complement, so that negative and 64-bit ints are valid.
        seed %= 2**64
        if seed >= 2**63:
            seed -= 2**64
        return tf.constant([seed, 0], tf.int64)
    if isinstance(seed, (bool, float, str)) or seed is None:
        raise ValueError(
            f"seed must be an int or an int tensor of shape (2,), got {seed!r}"
        )
    seed = tf.convert_to_tensor(seed)
    if not seed.dtype.is_integer or seed.shape.as_list() not in ([], [2]):
        raise ValueError(
            "seed must be an int or an int tensor of shape (2,), got "
            f"{seed.dtype.name} of shape {seed.shape}"
        )
    seed = tf.cast(seed, tf.int64)
    return tf.stack([seed, 0]) if seed.shape.rank == 0 else seed


def fold_in(seed, number):
    """Returns a seed (2,) derived from `seed` (2,) and an int `number`."""
    number = tf.cast(number, tf.int64)
    return tf.random.experimental.stateless_fold_in(seed, number)


def split_seed(seed, count):
    """Returns a list of `count` seeds (2,) derived from `seed` (2,)."""
    return tf.unstack(
        tf.random.experimental.stateless_split(seed, count), num=count
    )
