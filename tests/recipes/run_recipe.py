"""Runs recipes in this process, with `--smoke`."""

import json
import pathlib
import runpy
import sys

RECIPES = pathlib.Path(__file__).parents[2] / "recipes"


def run(monkeypatch, script, *flags, folder=None):
    """Runs a recipe as `python recipes/SCRIPT --smoke FLAGS` would."""
    path = RECIPES / script
    out = ["--out", str(folder)] if folder else []
    flags = [*out, *map(str, flags)]
    monkeypatch.setattr(sys, "argv", [str(path), "--smoke", *flags])
    monkeypatch.syspath_prepend(RECIPES)
    monkeypatch.syspath_prepend(path.parent)
    runpy.run_path(str(path), run_name="__main__")


def results(folder):
    """Returns the rows of a finished run."""
    assert (folder / "settings.json").exists()
    return json.loads((folder / "results.json").read_text())["results"]
