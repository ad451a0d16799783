"""Different functions for different examples of a batch."""

import tensorflow as tf


def dispatch(branches, functions, *tensors):
    """Applies `functions[k]` to the examples whose branch is k.

    Each function runs on its own examples only. The results are put back in
    the order of the batch.

    Args:
        branches: int tensor (batch,), values in [0, len(functions)).
        functions: list of functions. Each takes the examples of all `tensors`
            and returns a tensor, or a tuple of tensors, with as many examples.
            `None` returns the first tensor unchanged.
        *tensors: tensors (batch, ...), or `None`, which is passed on.

    Returns:
        The results of the functions for the whole batch.
    """
    count = len(functions)

    def split(tensor):
        if tensor is None:
            return [None] * count
        return tf.dynamic_partition(tensor, branches, count)

    indices = split(tf.range(tf.size(branches)))
    results = [
        examples[0] if function is None else function(*examples)
        for function, *examples in zip(
            functions, *map(split, tensors), strict=True
        )
    ]
    return tf.nest.map_structure(
        lambda *parts: tf.dynamic_stitch(indices, parts), *results
    )


def random_apply(function, probability, images, seed, *tensors):
    """Applies a function to each image with a given probability.

    Args:
        function: function of (images, *tensors), called with the examples that
            were sampled.
        probability: float in [0, 1].
        images: uint8 tensor (batch, height, width, channels).
        seed: int tensor (2,).
        *tensors: tensors (batch, ...), parameters of the function.

    Returns:
        A tensor of the shape of `images`.
    """
    if not probability:
        return images
    uniform = tf.random.stateless_uniform(tf.shape(images)[:1], seed)
    branches = tf.cast(uniform < probability, tf.int32)
    result = dispatch(branches, [None, function], images, *tensors)
    return tf.ensure_shape(result, images.shape)
