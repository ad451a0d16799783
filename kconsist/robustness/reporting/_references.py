"""Published results on CIFAR-10-C, for comparison.

Errors in percent on the 15 corruptions of the released files, from the result
files of RobustBench (https://github.com/RobustBench/robustbench). They use
other architectures and other training.
"""

from typing import NamedTuple

SOURCE = "https://github.com/RobustBench/robustbench"


class Reference(NamedTuple):
    """One published model.

    Attributes:
        model: str.
        clean_error: percent on clean images.
        error_15: percent, mean over 15 corruptions and 5 severities.
        error_15_severity_5: percent, mean over 15 corruptions at severity 5.
    """

    model: str
    clean_error: float
    error_15: float
    error_15_severity_5: float


REFERENCES = (
    Reference("WRN-28-10, standard training", 5.22, 26.54, 43.51),
    Reference("WRN-40-2, AugMix", 4.92, 11.18, 18.27),
    Reference("ResNeXt-29, AugMix", 4.17, 10.91, 17.99),
    Reference("PreActResNet-18, Gaussian noise on 50 %", 6.76, 14.96, 24.24),
    Reference("ResNet-18, RLAT + AugMix", 5.25, 10.40, 16.71),
    Reference("ResNet-18, PRIME", 6.94, 10.95, 14.87),
    Reference("WRN-28-4, NoisyMix (consistency)", 3.27, 7.22, 12.42),
    Reference("WRN-18-2 ensemble, LRR CARD-Deck", 3.44, 7.21, 11.60),
    Reference("ResNet-50, AdA (more data)", 5.07, 7.83, 10.60),
)

CAVEAT = (
    "Published rows: other architectures and training, evaluated on the "
    f"released files (RobustBench, {SOURCE}). They show the state of the "
    "field, not the effect of this training."
)
