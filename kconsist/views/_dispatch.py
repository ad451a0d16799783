"""Different functions for different images of a batch."""

import tensorflow as tf


def by_part(part, functions, *tensors):
    """Applies `functions[k]` to the examples whose part is k.

    Each function works on its own examples only, and what they return is put
    together in the order of the batch again.

    Args:
        part: int tensor (batch,), values in [0, number of functions).
        functions: list of functions of the examples of `tensors`, or None for
            the first tensor as it is. All return a tensor, or all a tuple of
            tensors, of as many examples.
        *tensors: tensors (batch, ...), or None, which is passed on.

    Returns:
        What the functions return, for the whole batch.
    """
    count = len(functions)

    def split(tensor):
        if tensor is None:
            return [None] * count
        return tf.dynamic_partition(tensor, part, count)

    places = split(tf.range(tf.size(part)))
    results = [
        examples[0] if function is None else function(*examples)
        for function, *examples in zip(
            functions, *map(split, tensors), strict=True
        )
    ]
    return tf.nest.map_structure(
        lambda *parts: tf.dynamic_stitch(places, parts), *results
    )


def with_probability(probability, function, images, seed, *tensors):
    """Applies a function to images that are drawn with a probability.

    Args:
        probability: float in [0, 1].
        function: function of (images, *tensors) of the drawn examples.
        images: uint8 tensor (batch, height, width, channels).
        seed: int tensor (2,).
        *tensors: tensors (batch, ...), parameters of the function.

    Returns:
        A tensor of the shape of `images`.
    """
    if not probability:
        return images
    drawn = tf.random.stateless_uniform(tf.shape(images)[:1], seed)
    part = tf.cast(drawn < probability, tf.int32)
    result = by_part(part, [None, function], images, *tensors)
    return tf.ensure_shape(result, images.shape)
