"""Consistency training and self-training for Keras 3 on TensorFlow.

Consistency training tells a network one thing: answer in the same way to
different views of the same image. Each method is a `ConsistencyTrainer`, a
`keras.Model` that takes the stock `compile` and `fit`.
"""

from kconsist import _requirements  # noqa: F401  # isort: skip

from kconsist import (
    alignment,
    callbacks,
    data,
    distribute,
    ema,
    features,
    layers,
    losses,
    memory,
    models,
    schedules,
    targets,
    thresholds,
    views,
)
from kconsist.algorithms.adversarial_dropout import AdversarialDropout
from kconsist.algorithms.debiased_self_training import DebiasedSelfTraining
from kconsist.algorithms.distiller import Distiller
from kconsist.algorithms.fixmatch import FixMatch
from kconsist.algorithms.flexmatch import FlexMatch
from kconsist.algorithms.mean_teacher import MeanTeacher
from kconsist.algorithms.meta_pseudo_labels import MetaPseudoLabels
from kconsist.algorithms.minimum_class_confusion import MinimumClassConfusion
from kconsist.algorithms.mixmatch import MixMatch
from kconsist.algorithms.mutual_mean_teaching import MutualMeanTeaching
from kconsist.algorithms.noisy_student import NoisyStudent
from kconsist.algorithms.pi_model import PiModel
from kconsist.algorithms.pseudo_label import PseudoLabel
from kconsist.algorithms.self_ensembling import SelfEnsembling
from kconsist.algorithms.self_trainer import SelfTrainer
from kconsist.algorithms.self_tuning import SelfTuning
from kconsist.algorithms.temporal_ensembling import TemporalEnsembling
from kconsist.algorithms.uda import UDA
from kconsist.algorithms.vat import VAT
from kconsist.trainer import ConsistencyTrainer

__version__ = "0.1.0"

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
    "alignment",
    "callbacks",
    "data",
    "distribute",
    "ema",
    "features",
    "layers",
    "losses",
    "memory",
    "models",
    "schedules",
    "targets",
    "thresholds",
    "views",
]
