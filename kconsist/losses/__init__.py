"""Losses that Keras lacks: `keras.losses.Loss`, one value per example."""

from kconsist.losses.kl_divergence import LogitsKLDivergence

__all__ = ["LogitsKLDivergence"]
