"""The pages in docs name what is there, and every public name is documented."""

import inspect
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from public_names import public_names

import kconsist
from kconsist import ConsistencyTrainer

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
METHODS = [
    value
    for name, value in vars(kconsist).items()
    if name in kconsist.__all__ and inspect.isclass(value)
    if value is not ConsistencyTrainer
]


@pytest.mark.parametrize("module, names", public_names().items())
def test_public_names_have_a_sentence(module, names):
    for name, value in names.items():
        if callable(value) or inspect.ismodule(value):
            summary = (inspect.getdoc(value) or "").partition("\n")[0]
            assert summary, f"{module}.{name} has no docstring"
            assert summary.endswith((".", "?")), f"{module}.{name}: {summary}"


@pytest.mark.slow
def test_the_api_reference_has_every_public_name(tmp_path):
    pytest.importorskip("pdoc", reason="the docs extra is not installed")
    environment = {**os.environ, "PATH": _path_of_this_python()}
    subprocess.run(
        [ROOT / "docs" / "build", tmp_path], check=True, env=environment
    )
    for module, names in public_names().items():
        page = tmp_path / (module.replace(".", "/") + ".html")
        assert page.exists(), module
        text = page.read_text()
        for name, value in names.items():
            if not inspect.ismodule(value):
                assert f'id="{name}"' in text, f"{module}.{name}"


def _path_of_this_python():
    folder = pathlib.Path(sys.executable).parent
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target.read_text()), link


def _anchors(text):
    """Returns the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return [
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_recipes_are_there(page):
    # Two studies are named with the place that they were at when they ran.
    text = re.sub(r"at those commits.*?\n- ", "", page.read_text(), flags=re.S)
    for path in re.findall(r"recipes/[\w/]+\.(?:py|png)", text):
        assert (ROOT / path).exists(), path


def test_every_method_has_a_row_and_every_log_a_meaning():
    text = (ROOT / "docs" / "methods.md").read_text()
    table = text.partition("## Logs")[2].partition("\n## ")[0]
    for method in METHODS:
        assert f"\n| `{method.__name__}` |" in text
        for log in method.logs:
            rows = [row for row in table.splitlines() if f"`{log}`" in row]
            methods = [row.split("|")[2] for row in rows]
            assert any(
                f"`{method.__name__}" in cell or cell.strip() == "all"
                for cell in methods
            ), (method.__name__, log)


def notation():
    """Returns (arguments, names) of each row of the notation's tables."""
    text = (ROOT / "docs" / "notation.md").read_text()
    rows = [row.split("|") for row in text.splitlines() if row.startswith("|")]
    cells = [
        (re.findall("`(.*?)`", r[3]), re.findall("`(.*?)`", r[4])) for r in rows
    ]
    return [(arguments, names) for arguments, names in cells if names]


@pytest.mark.parametrize("arguments, names", notation())
def test_arguments_of_the_notation_exist(arguments, names):
    assert arguments
    for name in names:
        value = kconsist
        for part in name.split("."):
            value = getattr(value, part)
        parameters = inspect.signature(value).parameters
        assert set(arguments) <= set(parameters), (name, arguments)


@pytest.mark.slow
def test_the_published_example_runs_here(monkeypatch):
    import keras

    text = (ROOT / "docs" / "from_other_libraries.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    train, test = kconsist.data.load("digits")

    def few(name):
        assert name == "cifar10"
        return (
            kconsist.data.Examples(train.images[:16], train.labels[:16]),
            kconsist.data.Examples(test.images[:20], np.arange(20) % 10),
        )

    def small(weights, include_top, input_shape):
        assert weights is None and not include_top
        return keras.Sequential(
            [keras.Input(input_shape), keras.layers.Conv2D(2, 3, strides=9)]
        )

    monkeypatch.setattr(kconsist.data, "load", few)
    monkeypatch.setattr(keras.applications, "ResNet50V2", small)
    code = code.replace("batch_size=128", "batch_size=8")
    code = code.replace("epochs=5", "epochs=1")
    names = {}
    exec(compile(code, "from_other_libraries.md", "exec"), names)
    assert len(names["report"].rows) > 0
