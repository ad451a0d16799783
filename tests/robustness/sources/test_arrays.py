"""Cells that are arrays in memory."""

import numpy as np
import pytest

from kconsist.robustness import Arrays


def test_arrays_are_checked(examples):
    images, labels = examples
    source = Arrays({("fog", 2): images}, labels[:, None], (images, labels))
    assert source.aligned and source.image_shape == (8, 8, 3)
    np.testing.assert_array_equal(source.labels, labels)
    with pytest.raises(ValueError, match="missing.*fog.*3"):
        source.check([("fog", 2), ("fog", 3)])
    wrong = [
        ({("haze", 1): images}, labels, "corruption must be one of"),
        ({("fog", 0): images}, labels, "severity must be one of"),
        ({("fog", 6): images}, labels, "severity must be one of"),
        ({("fog", 1): images / 255}, labels, "uint8"),
        ({("fog", 1): images[0]}, labels, "shape"),
        ({("fog", 1): images}, labels[:-1], "30 images and 29 labels"),
        ({("fog", 1): images}, np.eye(3)[labels], "1-D|one class index"),
        ({("fog", 1): images}, labels / 1, "integer"),
        ({}, labels, "at least one cell"),
        ({"fog": images}, labels, "dict with keys .* 'fog'"),
        ({("fog", 1): images, ("fog", 2): images[:, :4]}, labels, "one shape"),
    ]
    for cells, cell_labels, message in wrong:
        with pytest.raises(ValueError, match=message):
            Arrays(cells, cell_labels)
    with pytest.raises(ValueError, match="num_classes must be at least 3"):
        Arrays({("fog", 1): images}, labels, num_classes=2)
    with pytest.raises(ValueError, match="num_classes must be an integer"):
        Arrays({("fog", 1): images}, labels, num_classes=3.0)
