"""Consistency across views, with a few labels and many images."""

from kconsist.algorithms.semi_supervised.fixmatch import FixMatch
from kconsist.algorithms.semi_supervised.flexmatch import FlexMatch
from kconsist.algorithms.semi_supervised.mean_teacher import MeanTeacher
from kconsist.algorithms.semi_supervised.mixmatch import MixMatch
from kconsist.algorithms.semi_supervised.pi_model import PiModel
from kconsist.algorithms.semi_supervised.temporal_ensembling import (
    TemporalEnsembling,
)
from kconsist.algorithms.semi_supervised.uda import UDA
from kconsist.algorithms.semi_supervised.vat import VAT

__all__ = [
    "FixMatch",
    "FlexMatch",
    "MeanTeacher",
    "MixMatch",
    "PiModel",
    "TemporalEnsembling",
    "UDA",
    "VAT",
]
