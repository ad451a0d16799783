"""The shared descriptions in the docstrings of the pipelines."""

import inspect
import re

import pytest

from kconsist import data

pipelines = pytest.mark.parametrize(
    "pipeline",
    [
        data.class_balanced,
        data.clean_noisy,
        data.labeled_views,
        data.semi_supervised,
    ],
)


@pipelines
def test_every_argument_is_described_in_order(pipeline):
    arguments = inspect.getdoc(pipeline).partition("Args:\n")[2]
    arguments = arguments.partition("\n\n")[0]
    names = re.findall(r"^    (\w+)(?: \(\w\))?: \S", arguments, re.MULTILINE)
    assert names == list(inspect.signature(pipeline).parameters)
    for line in arguments.splitlines():
        assert re.match(r"    \w|        \S", line)


@pipelines
def test_placeholders_are_filled_within_80_columns(pipeline):
    doc = inspect.getdoc(pipeline)
    assert "{{" not in doc
    assert max(map(len, doc.splitlines())) <= 80
