"""Sources of corrupted images: generated, released files, or arrays."""

from kconsist.robustness.sources.arrays import Arrays
from kconsist.robustness.sources.generated import Generated
from kconsist.robustness.sources.npy_folder import NpyFolder
from kconsist.robustness.sources.source import Source
from kconsist.robustness.sources.tfds import TFDS

__all__ = ["TFDS", "Arrays", "Generated", "NpyFolder", "Source"]
