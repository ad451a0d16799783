"""The 19 corruptions of CIFAR-10-C at five severities, for arrays of images.

`corrupt` applies any of them. Each group has a private module with one
function per corruption: noise, blur, weather (with spatter and the frost
textures) and digital. Their constants are in `presets`.

Reference: Hendrycks & Dietterich 2019 (https://arxiv.org/abs/1903.12261).
"""

from kconsist.robustness.corruptions.corrupt import corrupt
from kconsist.robustness.corruptions.frost_textures import frost_source
from kconsist.robustness.corruptions.names import (
    CORRUPTIONS,
    EXTRA,
    GROUPS,
    MAIN,
    SEVERITIES,
)
from kconsist.robustness.corruptions.presets import PRESETS

__all__ = [
    "CORRUPTIONS",
    "EXTRA",
    "GROUPS",
    "MAIN",
    "PRESETS",
    "SEVERITIES",
    "corrupt",
    "frost_source",
]
