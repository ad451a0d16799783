"""What the recipes share, without running a recipe."""

import argparse
import json
import pathlib

import keras
import numpy as np
import pytest

from kconsist import data, views

RECIPES = pathlib.Path(__file__).parents[2] / "recipes"
DEFAULTS = dict(
    labels=50,
    steps=10,
    batch_size=4,
    learning_rate=3e-3,
    weight_decay=5e-4,
    batch_norm_momentum=0.97,
)


@pytest.fixture(autouse=True)
def path_of_recipes(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)


def parse(*flags):
    import _common
    import _run

    parser = _run.parser("A recipe.", "recipe")
    _common.add_training_flags(parser, **DEFAULTS)
    return parser.parse_args([*flags, "--strategy", "none"])


def examples(side=32):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, side, side, 3), "uint8")
    return data.Examples(images, np.arange(8) % 4, tuple("abcd"))


def batch_norms(model):
    kind = keras.layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_batch_norm_forgets_its_start_in_the_shortest_run():
    """Supervised digits fell to 24 % at 400 steps, from 87 %, for this."""
    import _common
    import semi_supervised

    momentum = str(semi_supervised.DEFAULTS["batch_norm_momentum"])
    args = parse("--batch-norm-momentum", momentum)
    model = _common.network(args, examples(8), seed=0)
    found = [layer.momentum**400 for layer in batch_norms(model)]
    assert len(found) == 7
    assert max(found) < 1e-4


def test_an_application_rescales_uint8_images_and_trains():
    import _common

    train = examples()
    args = parse("--model", "MobileNet", "--batch-norm-momentum", "0.9")
    model = _common.network(args, train, seed=0)
    assert model.output_shape == (None, 4)
    assert model.layers[-1].activation is keras.activations.linear
    norms = batch_norms(model)
    assert norms and {layer.momentum for layer in norms} == {0.9}
    # The backbone takes pixels from -1 to 1: preprocess_input.
    kind = keras.layers.Conv2D
    first = next(layer for layer in model.layers if isinstance(layer, kind))
    pixels = keras.Model(model.input, first.input)(train.images).numpy()
    np.testing.assert_allclose(pixels, train.images / 127.5 - 1.0, atol=1e-6)
    before = model.get_weights()
    trainer = _common.Supervised(model)
    trainer.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    batches = data.labeled_views(train, batch_size=4, steps=1)
    history = trainer.fit(batches, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert any(
        np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True)
    )


def test_an_application_has_the_size_of_the_images():
    import _common

    args = parse("--model", "MobileNet", "--image-size", "40")
    model = _common.network(args, examples(40), seed=0)
    assert model.input_shape == (None, 40, 40, 3)


def test_unknown_models_are_refused(capsys):
    with pytest.raises(SystemExit):
        parse("--model", "ResNet51")
    message = capsys.readouterr().err
    assert "WideResNet or a name in keras.applications" in message
    assert "got ResNet51" in message


def test_weights_without_an_application_are_refused():
    import _common

    args = parse("--weights", "imagenet")
    with pytest.raises(SystemExit, match="--weights needs a --model"):
        _common.network(args, examples(), seed=0)


def test_weights_of_another_kind_are_refused_by_keras():
    import _common

    args = parse("--model", "MobileNet", "--weights", "no/such.weights.h5")
    with pytest.raises(ValueError, match="weights"):
        _common.network(args, examples(), seed=0)


def test_smoke_changes_defaults_and_not_what_is_given(monkeypatch):
    import _run

    def steps(*flags):
        parser = _run.parser("A recipe.", "recipe")
        parser.add_argument("--steps", type=int, default=400)
        monkeypatch.setattr("sys.argv", ["recipe.py", *flags])
        return _run.parse(parser, steps=4).steps

    assert steps() == 400
    assert steps("--smoke") == 4
    assert steps("--smoke", "--steps", "7") == 7


@pytest.mark.parametrize("index", [0, 1])
def test_only_the_chief_writes_the_results(index, tmp_path, monkeypatch):
    import _run

    config = {
        "cluster": {"worker": ["a:1", "b:1"]},
        "task": {"type": "worker", "index": index},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    flags = ["--out", str(tmp_path / "run"), "--strategy", "none"]
    args = _run.parser("a run", "run").parse_args(flags)
    run = _run.Run(args)
    run.finish([{"seed": "0"}])
    for name in ("settings.json", "results.json"):
        assert (run.folder / name).exists()
        assert (tmp_path / "run" / name).exists() is (index == 0)


def test_a_run_does_not_change_its_flags(tmp_path):
    import _run

    args = parse("--out", str(tmp_path))
    before = dict(vars(args))
    run = _run.Run(args)
    run.load_data()
    run.resume("a title")
    run.finish([{"seed": "0"}])
    assert vars(args) == before


def test_unfinished_and_finished_runs_are_not_overwritten(tmp_path):
    import _run

    args = parse("--out", str(tmp_path))
    resumed = parse("--out", str(tmp_path), "--resume")
    run = _run.Run(args)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(SystemExit, match="unfinished run: give --resume"):
        _run.Run(args)
    _run.Run(resumed).finish([{"seed": "0"}])
    with pytest.raises(SystemExit, match="it is finished"):
        _run.Run(resumed)
    _run.Run(parse("--out", str(tmp_path), "--resume", "--steps", "11"))
    assert run.folder == tmp_path


@pytest.mark.parametrize("steps, expected", [(19, 1), (24, 8), (4, 4)])
def test_a_run_has_as_many_steps_as_requested(steps, expected):
    import _common

    assert _common.equal_epochs(steps, most=10) == expected


def test_steps_without_a_last_quarter_are_refused():
    import _common

    assert _common.steps_per_epoch(20, 10) == 2
    with pytest.raises(SystemExit, match="a multiple of 10, .* got 19"):
        _common.steps_per_epoch(19, 10)


def test_labels_must_be_a_multiple_of_the_classes():
    import _common

    with pytest.raises(SystemExit, match="a multiple of 4, .* got 7"):
        _common.split(examples(), 7, seed=0)


def test_ctrl_c_says_how_to_resume():
    import _run

    def main():
        raise KeyboardInterrupt("stopped after step 3")

    with pytest.raises(SystemExit, match="after step 3, with --resume"):
        _run.run(main)


def test_summaries_and_transposed_tables():
    import _run

    rows = [{"seed": "0", "a": 1.0}, {"seed": "1", "a": 2.0}]
    assert _run.summarize(rows)[2:] == [{"seed": "mean", "a": 1.5}]
    worst = _run.summarize(rows, worst=np.min)[2:]
    assert worst == [{"seed": "worst", "a": 1.0}]
    text = _run.table(_run.transpose(rows))
    assert text.splitlines()[0] == "|     | seed 0 | seed 1 |"
    assert text.splitlines()[2] == "| a   | 1.0    | 2.0    |"


def test_files_have_different_short_names():
    import _report

    assert _report.short_names(["x/a.keras", "x/b.keras"]) == ["a", "b"]
    assert _report.short_names(["x/a.keras", "y/a.keras"]) == ["x/a", "y/a"]


def tiny_network(train):
    keras.utils.set_random_seed(0)
    images = keras.Input(train.images.shape[1:])
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(8, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(train.num_classes, name="logits")(x)
    return keras.Model(images, logits)


@pytest.mark.slow
def test_every_method_of_the_study_trains(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES / "studies")
    import every_method

    train = examples(16)
    args = argparse.Namespace(
        steps=1, learning_rate=1e-3, threshold=0.1, ema_decay=0.9
    )
    assert len(every_method.METHODS) == 14

    def make_batches(with_index):
        return data.semi_supervised(
            train,
            train.images,
            weak=views.Identity(),
            strong=views.Identity(),
            batch_size=4,
            unlabeled_ratio=1,
            with_index=with_index,
            steps=1,
        )

    batches = {flag: make_batches(flag) for flag in (False, True)}
    for name, make in every_method.METHODS.items():
        model = tiny_network(train)
        baseline = tiny_network(train)
        setup = every_method.Setup(args, model, train.images, baseline)
        trainer = make(setup)
        trainer.compile(
            every_method.adam(args),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            run_eagerly=True,
        )
        before = model.get_weights()
        trainer.fit(batches["index" in trainer.views], verbose=0)
        pairs = zip(before, model.get_weights(), strict=True)
        assert any(np.any(a != b) for a, b in pairs), name


def test_recipes_are_short():
    for path in RECIPES.glob("[a-z]*.py"):
        assert len(path.read_text().splitlines()) <= 120, path.name


def test_headers_give_command_machine_time_and_result():
    for path in [*RECIPES.glob("[a-z]*.py"), *RECIPES.glob("studies/*.py")]:
        header = path.read_text().split('"""')[1]
        command = f"    python {path.relative_to(RECIPES.parent)}"
        for words in (command, "Machine: ", "Time: ", "Result"):
            assert words in header, (path.name, words)
