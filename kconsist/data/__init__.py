"""Data sources, label splits, and batches of several views."""

from kconsist.data.batches import labeled_views, semi_supervised
from kconsist.data.class_balanced import class_balanced
from kconsist.data.digests import digest
from kconsist.data.pairs import clean_noisy
from kconsist.data.pseudo_labels import select_pseudo_labels
from kconsist.data.sources import Examples, load
from kconsist.data.splits import split_labels

__all__ = [
    "Examples",
    "class_balanced",
    "clean_noisy",
    "digest",
    "select_pseudo_labels",
    "labeled_views",
    "load",
    "semi_supervised",
    "split_labels",
]
