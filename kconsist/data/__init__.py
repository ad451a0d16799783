"""Data sets, label splits, and `tf.data` pipelines of several views.

The pipelines `labeled_views`, `clean_noisy`, `semi_supervised` and
`class_balanced` follow the same rules:

- A batch is a function of the seed and the step. The same arguments give the
  same batches with any number of threads, and `start_step=n` resumes after n
  steps at no cost.
- Each image is read once and then mapped to its views, so all views of a batch
  show the same images in the same order.
- A new iterator starts with the first epoch that no iterator has read to its
  last batch. So `fit` without `repeat()` trains on consecutive epochs, a second
  `fit` continues after the first, and looking at a batch changes nothing.
- `repeat()` continues with the following epochs, whatever other iterators of
  the same dataset read in the meantime.
"""

from kconsist.data.class_balanced import class_balanced
from kconsist.data.clean_noisy import clean_noisy
from kconsist.data.digests import digest
from kconsist.data.examples import Examples
from kconsist.data.labeled_views import labeled_views
from kconsist.data.pseudo_labels import select_pseudo_labels
from kconsist.data.semi_supervised import semi_supervised
from kconsist.data.sources import load
from kconsist.data.splits import split_labels

__all__ = [
    "Examples",
    "class_balanced",
    "clean_noisy",
    "digest",
    "labeled_views",
    "load",
    "select_pseudo_labels",
    "semi_supervised",
    "split_labels",
]
