"""Labels in one domain, unlabeled images in another."""

from kconsist.algorithms.domain_adaptation.adversarial_dropout import (
    AdversarialDropout,
)
from kconsist.algorithms.domain_adaptation.minimum_class_confusion import (
    MinimumClassConfusion,
)
from kconsist.algorithms.domain_adaptation.mutual_mean_teaching import (
    MutualMeanTeaching,
)
from kconsist.algorithms.domain_adaptation.self_ensembling import SelfEnsembling

__all__ = [
    "AdversarialDropout",
    "MinimumClassConfusion",
    "MutualMeanTeaching",
    "SelfEnsembling",
]
