"""Consistency training and self-training for Keras 3 on TensorFlow.

A network is trained to predict consistently across views of an image. Each
method is a `ConsistencyTrainer`, a `keras.Model` that takes the stock
`compile` and `fit`.
"""

import importlib
import typing

from kconsist import _requirements  # noqa: F401  # isort: skip

from kconsist import (
    algorithms,
    callbacks,
    data,
    distribute,
    ema,
    features,
    layers,
    losses,
    mixing,
    models,
    schedules,
    targets,
    views,
)
from kconsist.algorithms.domain_adaptation import (
    AdversarialDropout,
    MinimumClassConfusion,
    MutualMeanTeaching,
    SelfEnsembling,
)
from kconsist.algorithms.self_training import (
    DebiasedSelfTraining,
    Distiller,
    MetaPseudoLabels,
    NoisyStudent,
    PseudoLabel,
    SelfTrainer,
    SelfTuning,
)
from kconsist.algorithms.semi_supervised import (
    UDA,
    VAT,
    FixMatch,
    FlexMatch,
    MeanTeacher,
    MixMatch,
    PiModel,
    TemporalEnsembling,
)
from kconsist.trainer import ConsistencyTrainer

if typing.TYPE_CHECKING:
    from kconsist import robustness as robustness

__version__ = "0.1.0"

# Sub-packages with dependencies of their own, imported when first touched.
_LAZY = ("robustness",)

__all__ = [
    "AdversarialDropout",
    "ConsistencyTrainer",
    "DebiasedSelfTraining",
    "Distiller",
    "FixMatch",
    "FlexMatch",
    "MeanTeacher",
    "MetaPseudoLabels",
    "MinimumClassConfusion",
    "MixMatch",
    "MutualMeanTeaching",
    "NoisyStudent",
    "PiModel",
    "PseudoLabel",
    "SelfEnsembling",
    "SelfTrainer",
    "SelfTuning",
    "TemporalEnsembling",
    "UDA",
    "VAT",
    "algorithms",
    "callbacks",
    "data",
    "distribute",
    "ema",
    "features",
    "layers",
    "losses",
    "mixing",
    "models",
    "schedules",
    "targets",
    "views",
]


def __getattr__(name):
    if name in _LAZY:
        return importlib.import_module(f"kconsist.{name}")
    raise AttributeError(f"module 'kconsist' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY})
