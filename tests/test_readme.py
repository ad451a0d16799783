"""The README's example runs, it names every method, and it stays short."""

import pathlib
import re

import pytest

import kconsist
from kconsist import ConsistencyTrainer

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.slow
def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training, evaluation = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(training.strip().splitlines()) <= 24
    code = training.replace("steps=200", "steps=3")
    code = code.replace("epochs=3", "epochs=1")
    code += evaluation.replace("examples=200", "examples=20")
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "model.keras").exists()
    assert (
        "mean_accuracy_19_severity_5" in (tmp_path / "report.html").read_text()
    )


def test_every_method_has_a_row():
    for name in kconsist.__all__:
        value = getattr(kconsist, name)
        if name != "ConsistencyTrainer" and isinstance(value, type):
            assert issubclass(value, ConsistencyTrainer)
            assert f"| `{name}(" in README


def test_it_fits_on_a_few_screens():
    assert len(README.splitlines()) <= 160


def test_no_figure_is_left_open():
    assert not re.findall(r"@\w+@", README)
