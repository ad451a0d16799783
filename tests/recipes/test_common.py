"""What the recipes share, without running a recipe."""

import argparse
import pathlib
import types

import keras
import numpy as np

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
