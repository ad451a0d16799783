"""Data sources, label splits, and batches of several views."""

from kconsist.data.batches import labeled_views, semi_supervised
from kconsist.data.class_balanced import class_balanced
from kconsist.data.digests import digest
from kconsist.data.pairs import clean_noisy
from kconsist.data.pseudo_labels import confident_and_balanced
from kconsist.data.sources import Examples, load
from kconsist.data.splits import split_labels

__all__ = [
    "Examples",
    "class_balanced",
    "clean_noisy",
    "digest",
    "confident_and_balanced",
    "labeled_views",
    "load",
    "semi_supervised",
    "split_labels",
]
