"""Callbacks: averaging along the path of training, and going on after a kill.

The submodules hold one callback each; `checkpoints` is the files of `Resume`.
"""

from kconsist.callbacks.resume import Resume
from kconsist.callbacks.stochastic_weight_averaging import (
    StochasticWeightAveraging,
    estimate_batch_norm,
)

__all__ = ["Resume", "StochasticWeightAveraging", "estimate_batch_norm"]
