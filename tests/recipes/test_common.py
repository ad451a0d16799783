"""What the recipes share, without running a recipe."""

import argparse
import json
import pathlib
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

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


@pytest.mark.parametrize(
    "steps, averaged, expected",
    [(19, False, 1), (24, False, 8), (4, False, 4), (20, True, 10)],
)
def test_a_run_has_as_many_steps_as_were_asked_for(
    steps, averaged, expected, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(RECIPES)
    import _common

    model = types.SimpleNamespace(fit=lambda _, **options: options)
    images = (lambda batches: batches) if averaged else None
    found = _common.fit(
        argparse.Namespace(steps=steps, out=tmp_path),
        model,
        lambda start_step: tf.data.Dataset.range(steps),
        "a run",
        averaged=images,
    )
    assert found["epochs"] == expected
    assert found["epochs"] * found["steps_per_epoch"] == steps


def test_steps_without_a_last_quarter_are_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    import _common

    args = argparse.Namespace(steps=19, out=tmp_path)
    with pytest.raises(SystemExit, match="a multiple of 10, .* got 19"):
        _common.fit(args, None, None, "a run", averaged=lambda batches: batches)
