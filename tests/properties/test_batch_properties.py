import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kconsist.trainer import _batch, _batch_spec

VIEWS = ("labeled", "index")
CLASSES, EXAMPLES = 3, 7
EXPECTED = _batch_spec.BatchSpec(
    VIEWS, num_classes=CLASSES, num_examples=EXAMPLES, num_replicas=1
)


def example(size):
    """A batch in which all is right, at its limits."""
    images = np.zeros((size, 4), "float32")
    index, labels = np.arange(size) % EXAMPLES, np.arange(size) % CLASSES
    return {"labeled": images, "index": index}, labels


def by_arrays(views, labels):
    _batch_spec.check_batch((views, labels), EXPECTED)


def by_dataset(views, labels):
    dataset = tf.data.Dataset.from_tensors((views, labels))
    try:
        return list(_batch_spec.validate(dataset, EXPECTED))
    except tf.errors.InvalidArgumentError as error:
        raise _batch_spec.as_value_error(error) from None


@pytest.mark.parametrize("check", [by_arrays, by_dataset])
@settings(max_examples=3)
@given(size=st.integers(1, 12), column=st.booleans(), data=st.data())
def test_one_wrong_number_anywhere_is_found(check, size, column, data):
    place = data.draw(st.integers(0, size - 1))
    views, labels = example(size)
    check(views, labels[:, None] if column else labels)
    for wrong in (-1, CLASSES):
        changed = labels.copy()
        changed[place] = wrong
        with pytest.raises(ValueError, match=r"labels must lie in \[0, 2\]"):
            check(views, changed[:, None] if column else changed)
    for wrong in (-1, EXAMPLES):
        changed = views["index"].copy()
        changed[place] = wrong
        with pytest.raises(ValueError, match=r"index must lie in \[0, 6\]"):
            check({**views, "index": changed}, labels)
    changed = views["labeled"].copy()
    changed[place, data.draw(st.integers(0, 3))] = np.nan
    with pytest.raises(ValueError, match="NaN in the view labeled"):
        check({**views, "labeled": changed}, labels)


@given(size=st.integers(1, 5), columns=st.lists(st.booleans(), min_size=3))
def test_columns_become_rows(size, columns):
    views, labels = example(size)
    weights = np.linspace(0, 1, size, dtype="float32")
    rows = [views["index"], labels, weights]
    index, labels, weight = (
        row[:, None] if column else row
        for row, column in zip(rows, columns[:3], strict=True)
    )
    element = ({**views, "index": index}, labels, weight)
    views, labels, weight = _batch.unpack(element, VIEWS)
    for row, found in zip(rows, (views["index"], labels, weight), strict=True):
        np.testing.assert_array_equal(found, row)
