"""What the recipes share, without running a recipe."""

import argparse
import json
import pathlib
import types

import keras
import numpy as np
import pytest

RECIPES = pathlib.Path(__file__).parents[2] / "recipes"


def test_batch_norm_forgets_its_start_in_the_shortest_run(monkeypatch):
    """Supervised digits fell to 24 % at 400 steps, from 87 %, for this."""
    monkeypatch.syspath_prepend(RECIPES)
    import _common

    args = argparse.Namespace(depth=10, width=1, weight_decay=5e-4)
    train = types.SimpleNamespace(num_classes=10, images=np.zeros((1, 8, 8, 3)))
    model = _common.network(args, train, seed=0)
    found = [
        layer.momentum**400
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(found) == 7
    assert max(found) < 1e-4


@pytest.mark.parametrize("index", [0, 1])
def test_the_chief_alone_writes_the_results(index, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    import _runs

    config = {
        "cluster": {"worker": ["a:1", "b:1"]},
        "task": {"type": "worker", "index": index},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    flags = ["--out", str(tmp_path / "run"), "--strategy", "none"]
    args = _runs.parser("a run", "run").parse_args(flags)
    folder = _runs.start(args)
    _runs.finish(args, folder, [])
    for name in ("settings.json", "results.json"):
        assert (folder / name).exists()
        assert (tmp_path / "run" / name).exists() is (index == 0)
