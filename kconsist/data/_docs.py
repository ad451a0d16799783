"""Descriptions of arguments that several pipelines have."""

import inspect

# Continuation lines are indented as in a docstring without common indentation.
_DESCRIPTIONS = {
    "epochs": """\
Iterating again, or `repeat()`, continues with the next epoch. Order and views
are functions of the seed and the step: the same arguments give the same batches
with any number of threads, and `start_step=n` resumes after n steps at no cost.
See `kconsist.data`.""",
    "labeled_source": """\
`(images, labels)` arrays or `Examples`, images uint8 or float
        (examples, ...) and integer labels (examples,), which are not copied;
        or a `tf.data.Dataset` of single `(image, label)` elements.""",
    "unlabeled_source": """\
array of images, `(images, labels)`, `Examples` or
        `tf.data.Dataset`; labels are not read.""",
    "drop_remainder": """\
whether a last, smaller batch is left out. Defaults to
        `True`, which gives static shapes, as XLA requires.""",
    "shuffle_buffer": """\
size of the shuffle buffer of `tf.data` sources. Defaults
        to `10_000`.""",
    "start_step": """\
step of the first batch, to resume a run. Defaults to `0`.""",
    "input_context": """\
`tf.distribute.InputContext`, if
        `strategy.distribute_datasets_from_function` calls this function: each
        worker then reads and augments only its shard of every batch, with
        other views than a single worker would. Defaults to none.""",
}


def fill_descriptions(function):
    """Replaces `{{name}}` in a docstring by the description of that name."""
    doc = inspect.cleandoc(function.__doc__ or "")
    for name, description in _DESCRIPTIONS.items():
        doc = doc.replace("{{" + name + "}}", description)
    function.__doc__ = doc
    return function
