"""Every example in a public docstring runs."""

import importlib
import inspect
import pkgutil
import re
import textwrap

import pytest

import kconsist

FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def _public_objects():
    for info in pkgutil.walk_packages(kconsist.__path__, "kconsist."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            is_api = inspect.isclass(value) or inspect.isfunction(value)
            if is_api and value.__module__ == info.name and name[0] != "_":
                yield f"{info.name}.{name}", value


def _examples():
    for name, value in _public_objects():
        for code in FENCE.findall(inspect.getdoc(value) or ""):
            trains = ".algorithms." in name or ".callbacks." in name
            marks = pytest.mark.slow if trains else ()
            yield pytest.param(textwrap.dedent(code), id=name, marks=marks)


@pytest.mark.parametrize("code", _examples())
def test_example_runs(code):
    exec(compile(code, "<example>", "exec"), {})


@pytest.mark.parametrize(
    "name", [n for n in kconsist.__all__ if n[0].isupper()]
)
def test_every_algorithm_has_an_example(name):
    assert FENCE.search(inspect.getdoc(getattr(kconsist, name)))
