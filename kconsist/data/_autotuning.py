"""Turns off the autotuning of tf.data without loss of parallelism.

An iterator with autotuning ends late: its destructor waits for the autotuning
thread, which sleeps about as long as the iterator has existed, up to a minute.
TensorFlow 2.21 wakes the thread before it sets the flag that ends it, so most
often the thread goes back to sleep.

Without autotuning TensorFlow also leaves out the rewrites that make `map` and
`batch` parallel and add a last `prefetch`. They are made here instead, with
TensorFlow's own operation.
"""

import os

import tensorflow as tf

# Names of the rewrites by option, and whether they are made by default.
REWRITES = {
    "noop_elimination": ("noop_elimination", True),
    "shuffle_and_repeat_fusion": ("shuffle_and_repeat_fusion", True),
    "map_parallelization": ("map_parallelization", True),
    "map_fusion": ("map_fusion", False),
    "map_and_batch_fusion": ("map_and_batch_fusion", True),
    "parallel_batch": ("batch_parallelization", True),
    "filter_parallelization": ("filter_parallelization", False),
    "inject_prefetch": ("inject_prefetch", True),
}


def without_autotuning(dataset, rewrite: bool = True):
    """Returns a dataset of the same elements whose iterators end at once.

    `tf.data.AUTOTUNE` becomes the number of CPU cores.

    Args:
        dataset: `tf.data.Dataset`. If the option `autotune.enabled` is set or
            an element is not made of tensors, it is returned unchanged, and so
            is anything else.
        rewrite: whether to make the rewrites. Defaults to `True`; a pipeline of
            this package is as fast without them.
    """
    if not isinstance(dataset, tf.data.Dataset):
        return dataset
    if dataset.options().autotune.enabled is not None:
        return dataset
    specs = tf.nest.flatten(dataset.element_spec)
    if not all(isinstance(spec, tf.TensorSpec) for spec in specs):
        return dataset
    options = tf.data.Options()
    options.autotune.enabled = False
    if dataset.options().autotune.initial_parallelism is None:
        # By default at most 16.
        options.autotune.initial_parallelism = os.cpu_count() or 1
    # Made here once, rather than for each iterator.
    options.experimental_optimization.apply_default_optimizations = False
    dataset = _rewrite(dataset) if rewrite else dataset
    return dataset.with_options(options)


def _rewrite(dataset):
    """Returns a dataset with the rewrites that autotuning would bring."""
    options = dataset.options()
    optimization = options.experimental_optimization
    threading = options.threading
    by_default = optimization.apply_default_optimizations is not False
    rewrites = []
    for option, (rewrite, default) in REWRITES.items():
        chosen = getattr(optimization, option)
        if (default and by_default) if chosen is None else chosen:
            rewrites.append(rewrite)
    if not rewrites:
        return dataset
    specs = tf.nest.flatten(dataset.element_spec)
    signature = dict(
        output_types=[spec.dtype for spec in specs],
        output_shapes=[spec.shape for spec in specs],
    )
    variant = tf.data.experimental.to_variant(dataset)
    # Without these two the rewrite adds its own, with one thread per operation
    # and whatever the options say. 0 is the number of CPU cores.
    variant = tf.raw_ops.PrivateThreadPoolDataset(
        input_dataset=variant,
        num_threads=threading.private_threadpool_size or 0,
        **signature,
    )
    variant = tf.raw_ops.MaxIntraOpParallelismDataset(
        input_dataset=variant,
        max_intra_op_parallelism=threading.max_intra_op_parallelism or 0,
        **signature,
    )
    variant = tf.raw_ops.OptimizeDatasetV2(
        input_dataset=variant,
        optimizations_enabled=rewrites,
        optimizations_disabled=[],
        optimizations_default=[],
        optimization_configs=[f"{name}:autotune:true" for name in rewrites],
        **signature,
    )
    rewritten = tf.data.experimental.from_variant(variant, dataset.element_spec)
    rewritten.original = dataset  # Keeps its Python functions alive.
    return rewritten.with_options(options)
