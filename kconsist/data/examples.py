"""Images and labels of one split of a data set."""

import collections

import numpy as np


class Examples(collections.namedtuple("Examples", ["images", "labels"])):
    """A pair of images and labels, with the names of the classes.

    It unpacks like the tuple `(images, labels)`.

    Args:
        images: array (examples, ...), uint8 or float32.
        labels: int64 array (examples,).
        class_names: sequence of str, one per class. Defaults to none.

    Example:
        ```python
        import numpy as np
        from kconsist import data

        examples = data.Examples(np.zeros((2, 2)), np.array([0, 1]), ("a", "b"))
        images, labels = examples
        assert examples.num_classes == 2
        ```
    """

    class_names: tuple[str, ...] = ()

    def __new__(cls, images, labels, class_names=()):
        """Returns the pair."""
        examples = super().__new__(cls, images, labels)
        examples.class_names = tuple(class_names)
        return examples

    @property
    def num_classes(self) -> int:
        """Number of class names, or the largest label plus one without them."""
        return len(self.class_names) or int(np.max(self.labels)) + 1
