"""A network learns another network's predictions, or its own."""

from kconsist.algorithms.self_training.debiased_self_training import (
    DebiasedSelfTraining,
)
from kconsist.algorithms.self_training.distiller import Distiller
from kconsist.algorithms.self_training.meta_pseudo_labels import (
    MetaPseudoLabels,
)
from kconsist.algorithms.self_training.noisy_student import NoisyStudent
from kconsist.algorithms.self_training.pseudo_label import PseudoLabel
from kconsist.algorithms.self_training.self_trainer import SelfTrainer
from kconsist.algorithms.self_training.self_tuning import SelfTuning

__all__ = [
    "DebiasedSelfTraining",
    "Distiller",
    "MetaPseudoLabels",
    "NoisyStudent",
    "PseudoLabel",
    "SelfTrainer",
    "SelfTuning",
]
