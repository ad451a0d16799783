"""A batch: named views of images, with the labels of the labeled ones.

`({"view name": images, …}, labels[, sample_weight])`. The published pair of
pairs, `((clean, labels), (noisy, labels))`, becomes the same.
"""

import keras
import tensorflow as tf
from keras import ops


def is_zipped_pair(data) -> bool:
    """Returns whether an element is ((clean, labels), (noisy, labels))."""
    return (
        isinstance(data, (tuple, list))
        and len(data) == 2
        and all(isinstance(p, (tuple, list)) and len(p) == 2 for p in data)
    )


def unpack(data, views: tuple, optional: tuple = ()):
    """Returns `(views, labels, sample_weight)` of one element of a data set.

    Labels, weights and indices of shape (batch, 1) become (batch,); weights
    become float32 and indices int32.

    Args:
        data: `(images, labels[, sample_weight])`, with `images` a dict of named
            views, or a tensor for a method with a single view; or the zipped
            pair of the published example.
        views: names of the required views.
        optional: names of the optional views, all of them or none.

    Raises:
        ValueError: a view is missing, there are no labels, they are floats, or
            a shape is not known.
    """
    if is_zipped_pair(data) and views == ("clean", "noisy"):
        (clean, labels), (noisy, _) = data
        images, sample_weight = {"clean": clean, "noisy": noisy}, None
    else:
        unpacked = keras.utils.unpack_x_y_sample_weight(data)
        images, labels, sample_weight = unpacked
    if not isinstance(images, dict) and len(views) == 1:
        images = {views[0]: images}
    _check_views(images, views, optional)
    _check_labels(labels)
    _check_known("sample_weight", sample_weight)
    if "index" in images:
        index = without_axis(images["index"], dtype="int32")
        images = {**images, "index": index}
    sample_weight = without_axis(sample_weight, dtype="float32")
    return images, without_axis(labels), sample_weight


def without_axis(values, dtype=None):
    """Returns values (batch, 1) as (batch,); a `tf.TensorSpec` unchanged."""
    if values is None or isinstance(values, tf.TensorSpec):
        return values
    values = ops.convert_to_tensor(values)
    column = len(values.shape) == 2 and values.shape[-1] == 1
    values = ops.squeeze(values, axis=-1) if column else values
    return values if dtype is None else ops.cast(values, dtype)


def _check_known(name, values):
    """Raises unless the shape is known, which (batch, 1) depends on."""
    shape = tf.TensorShape(None if values is None else values.shape)
    if values is not None and (shape.rank is None or None in shape[1:]):
        raise ValueError(
            f"{name} must have a known shape, (batch,) or (batch, 1), got "
            f"{shape}: give it in the data set's signature"
        )


def _check_views(images, views, optional):
    if not isinstance(images, dict):
        what = f"a {type(images).__name__}"
    else:
        extra = [name for name in optional if name in images]
        wanted = [*views, *(optional if extra else ())]
        if all(name in images for name in wanted):
            return
        views, what = wanted, f"the views {sorted(images)}"
    raise ValueError(
        f"a batch must be ({{view: images}}, labels) with the views "
        f"{list(views)}, got {what}"
    )


def _check_labels(labels):
    if labels is None:
        raise ValueError(
            "a batch must be (views, labels), got no labels beside the views"
        )
    _check_known("labels", labels)
    shape, dtype = tuple(labels.shape), tf.as_dtype(labels.dtype)
    soft = len(shape) == 2 and shape[-1] != 1
    if dtype.is_floating and not soft:
        raise ValueError(
            "labels must be integers, the index of each class, got "
            f"{dtype.name} of shape {shape}"
        )
