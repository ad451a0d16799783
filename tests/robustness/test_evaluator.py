"""Evaluates a network with known predictions."""

import colored
import keras
import numpy as np
import pytest
import tensorflow as tf

from kconsist import SelfTrainer
from kconsist.robustness import (
    EXTRA,
    MAIN,
    Arrays,
    Generated,
    NpyFolder,
    _metrics,
    evaluate,
)
from kconsist.robustness._subset import stratified_subset


def scores_by_hand(images, labels):
    logits = colored.logits(images)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    classes = p.argmax(-1)
    true = p[np.arange(len(p)), labels]
    return classes, _metrics.score(classes == labels, p.max(-1), np.log(true))


def test_rows_are_the_scores_of_the_predictions(source, model):
    report = evaluate(model, source, **colored.OPTIONS)
    assert report.cells == [
        ("clean", 0),
        ("fog", 1),
        ("fog", 5),
        ("saturate", 1),
        ("saturate", 5),
    ]
    clean, _ = scores_by_hand(source.clean, source.labels)
    for number, cell in enumerate(report.cells):
        row = report.rows[number]
        is_clean = cell == ("clean", 0)
        images = source.clean if is_clean else source.cells[cell]
        classes, scores = scores_by_hand(images, source.labels)
        for name, value in scores.items():
            # The network uses float32, the expected value float64.
            assert row[name] == pytest.approx(value, rel=1e-4, abs=1e-5)
        assert row["disagreement"] == np.mean(classes != clean)
        assert row["examples"] == 30 and row["model"] == "color"
        np.testing.assert_array_equal(
            report.correct[number], classes == source.labels
        )
    assert 0.4 < report.rows[0]["accuracy"] and report.correct.dtype == bool
    assert [row["group"] for row in report.rows[1::2]] == ["weather", "digital"]
    assert any(row["disagreement"] for row in report.rows)


@pytest.mark.parametrize("batch_size", [1, 7, 30, 64])
def test_the_batch_size_does_not_matter(source, model, batch_size):
    expected = evaluate(model, source, **colored.OPTIONS)
    found = evaluate(
        model, source, **{**colored.OPTIONS, "batch_size": batch_size}
    )
    np.testing.assert_array_equal(found.correct, expected.correct)
    for row, other in zip(found.rows, expected.rows, strict=True):
        assert row["nll"] == pytest.approx(other["nll"], rel=1e-5)


def test_clean_accuracy_is_that_of_keras(source, model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, metrics=["accuracy"])
    found = evaluate(model, source, **colored.OPTIONS).row("clean", 0)[
        "accuracy"
    ]
    expected = model.evaluate(
        source.clean, source.labels, verbose=0, return_dict=True
    )
    assert found == pytest.approx(expected["accuracy"])


def test_the_model_is_compiled_once(source):
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, x):
            calls.append(x.shape)
            return x

    images = keras.Input((8, 8, 3))
    x = Counted()(keras.layers.GlobalAveragePooling2D()(images))
    model = keras.Model(images, keras.layers.Dense(3)(x))
    calls.clear()
    # 30 images: the last batch has 6.
    evaluate(model, source, **colored.OPTIONS)
    assert calls == [(8, 3)]


def test_the_model_is_not_modified(source):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.9),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )
    before = model.get_weights()
    report = evaluate(model, source, **colored.OPTIONS)
    again = evaluate(model, source, **colored.OPTIONS)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(report.correct, again.correct)
    expected = (
        model.predict(source.clean, verbose=0).argmax(-1) == source.labels
    )
    np.testing.assert_array_equal(report.correct[0], expected)


def test_preprocess_is_part_of_the_function(source):
    """Half the size and another scale give the same channel means."""
    model = colored.network(side=4, scale=0.05 * 255)
    resize = keras.Sequential(
        [keras.layers.AveragePooling2D(2), keras.layers.Rescaling(1 / 255)]
    )
    found = evaluate(model, source, preprocess=resize, **colored.OPTIONS)
    expected = evaluate(colored.network(), source, **colored.OPTIONS)
    np.testing.assert_array_equal(found.correct, expected.correct)
    by_hand = evaluate(
        model,
        source,
        preprocess=lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID") / 255,
        **colored.OPTIONS,
    )
    np.testing.assert_array_equal(by_hand.correct, expected.correct)
    with pytest.raises(ValueError, match="images of shape"):
        evaluate(model, source, **colored.OPTIONS)
    with pytest.raises(ValueError, match="preprocess must be callable"):
        evaluate(model, source, preprocess="resize", **colored.OPTIONS)


def test_the_inference_model_of_a_trainer_is_evaluated(source, model):
    other = colored.network(scale=-0.05)
    trainer = SelfTrainer(model, other)
    found = evaluate(trainer, source, **colored.OPTIONS)
    expected = evaluate(model, source, **colored.OPTIONS)
    assert found.rows == expected.rows


def test_probabilities_and_logits_are_detected(source, model):
    softmax = colored.network(activation="softmax")
    with pytest.raises(ValueError, match="pass from_logits=False"):
        evaluate(softmax, source, **colored.OPTIONS)
    with pytest.raises(ValueError, match="pass from_logits=True"):
        evaluate(model, source, from_logits=False, **colored.OPTIONS)
    found = evaluate(softmax, source, from_logits=False, **colored.OPTIONS)
    expected = evaluate(model, source, **colored.OPTIONS)
    for row, other in zip(found.rows, expected.rows, strict=True):
        for name in ("accuracy", "nll", "ece", "rms_calibration"):
            assert row[name] == pytest.approx(other[name], abs=1e-5)


def test_nll_of_a_confident_mistake_is_finite(examples):
    """In float32, e^-200 is 0, but its logarithm is finite."""
    images, labels = examples
    model = colored.network(scale=50.0)
    wrong = (labels + 1) % 3
    report = evaluate(
        model,
        Arrays({("fog", 1): images}, wrong),
        corruptions="fog",
        severities=[1],
        verbose=0,
        batch_size=30,
    )
    logits = colored.logits(images, 50.0)
    shifted = logits - logits.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    expected = -logs[np.arange(30), wrong].mean()
    assert expected > 200
    assert report.row("fog", 1)["nll"] == pytest.approx(expected, rel=1e-4)


def test_a_subset_is_the_same_in_every_cell(source, model):
    report = evaluate(model, source, examples=12, seed=4, **colored.OPTIONS)
    ids = stratified_subset(source.labels, 12, 4)
    for number, cell in enumerate(report.cells[1:], start=1):
        classes, _ = scores_by_hand(source.cells[cell], source.labels)
        expected = (classes == source.labels)[ids]
        np.testing.assert_array_equal(report.correct[number], expected)
    assert {row["examples"] for row in report.rows} == {12}
    assert report.metadata["examples"] == 12 and report.metadata["seed"] == 4


def test_clean_images_in_another_order_give_no_disagreement(npy_folder, model):
    images, labels = colored.examples(12)
    options = dict(corruptions="fog", severities=[2], verbose=0, batch_size=12)
    paired = evaluate(model, NpyFolder(npy_folder, (images, labels)), **options)
    order = np.random.default_rng(1).permutation(12)
    shuffled = NpyFolder(npy_folder, (images[order], labels[order]))
    report = evaluate(model, shuffled, **options)
    assert [row["disagreement"] for row in report.rows] == [None, None]
    assert report.rows[0]["accuracy"] == paired.rows[0]["accuracy"]
    assert paired.rows[0]["disagreement"] == 0


@pytest.mark.parametrize(
    "corruptions, count", [("all", 19), ("main", 15), ("extra", 4), ("fog", 1)]
)
def test_sets_of_corruptions(npy_folder, model, corruptions, count):
    report = evaluate(
        model,
        NpyFolder(npy_folder),
        corruptions=corruptions,
        severities=(5,),
        batch_size=12,
        verbose=0,
    )
    assert len(report.rows) == count
    groups = {"all": MAIN + EXTRA, "main": MAIN, "extra": EXTRA}
    expected = groups.get(corruptions, (corruptions,))
    assert tuple(report.corruptions) == expected


def test_names_and_severities_may_be_iterators(source, model):
    options = {**colored.OPTIONS, "corruptions": (c for c in ["fog"])}
    report = evaluate(model, source, **{**options, "severities": iter([5, 1])})
    assert report.cells == [("clean", 0), ("fog", 1), ("fog", 5)]


def fail_on_call(model, monkeypatch):
    def call(*_, **__):
        raise AssertionError("the model was called")

    monkeypatch.setattr(model, "call", call)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"corruptions": ["fogg"]}, "corruption must be one of .* 'fogg'"),
        ({"corruptions": []}, "at least one name"),
        ({"severities": [0]}, "severity must be one of .* got 0"),
        ({"severities": [6]}, "severity must be one of .* got 6"),
        ({"severities": []}, "severities must be"),
        ({"severities": 5}, "severities must be"),
        ({"examples": 31}, "examples must be at most 30"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"corruptions": ["snow"]}, "2 are missing"),
        ({"corruptions": None}, "corruptions must be one of .* got None"),
        ({"severities": None}, "severities must be .* got None"),
        ({"seed": -1}, "seed must be"),
        ({"name": 3}, "name must be a str, got 3"),
    ],
)
def test_wrong_arguments_raise_before_evaluation(
    source, model, monkeypatch, options, message
):
    fail_on_call(model, monkeypatch)
    with pytest.raises(ValueError, match=message):
        evaluate(model, source, **{**colored.OPTIONS, **options})


def test_class_counts_must_agree(examples, model):
    images, labels = examples
    options = dict(corruptions="fog", severities=[1], verbose=0)
    for wrong, message in (
        (labels + 1, "4 classes"),
        (labels % 2, "2 classes"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate(model, Arrays({("fog", 1): images}, wrong), **options)
    few = Arrays({("fog", 1): images}, labels % 2, num_classes=3)
    evaluate(model, few, **options)


def test_models_and_sources_are_checked(source, model, examples):
    with pytest.raises(ValueError, match="source must be Generated"):
        evaluate(model, examples, **colored.OPTIONS)
    with pytest.raises(ValueError, match="model must be a keras.Model"):
        evaluate(lambda x: x, source, **colored.OPTIONS)
    unbuilt = keras.Sequential([keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="must be built"):
        evaluate(unbuilt, source, **colored.OPTIONS)


def test_nan_predictions_raise(source, model):
    model.set_weights([np.full((3, 3), np.nan, "float32")])
    with pytest.raises(ValueError, match="finite .* on clean"):
        evaluate(model, source, **colored.OPTIONS)


def with_output(function, examples):
    """A network whose outputs are a function of the logits."""

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.network = colored.network()

        def call(self, images):
            return function(self.network(images))

    model = Model()
    model(examples[0][:1])
    return model


def nan_where_uncertain(logits):
    """NaN for a class that is neither the true nor the predicted one."""
    p = tf.nn.softmax(logits)
    is_last = tf.equal(p, tf.reduce_min(p, -1, keepdims=True))
    uncertain = tf.reduce_max(p, -1, keepdims=True) < 0.34
    return tf.where(is_last & uncertain, float("nan"), p)


def logits_where_uncertain(logits):
    p = tf.nn.softmax(logits)
    return tf.where(tf.reduce_max(p, -1, keepdims=True) < 0.34, logits, p)


@pytest.mark.parametrize(
    "function", [nan_where_uncertain, logits_where_uncertain]
)
def test_every_row_of_probabilities_is_checked(source, examples, function):
    """All outputs on clean images are probabilities, some on fog are not."""
    model = with_output(function, examples)
    message = "probabilities that sum to 1, got others on fog, severity 1"
    with pytest.raises(ValueError, match=message):
        evaluate(model, source, from_logits=False, **colored.OPTIONS)


def test_logits_of_minus_infinity_are_allowed(source, examples):
    """The probability of such a class is 0, not NaN."""
    two_classes = Arrays(source.cells, source.labels % 2, num_classes=3)
    mask = tf.constant([0.0, 0.0, -np.inf])
    model = with_output(lambda logits: logits + mask, examples)
    report = evaluate(model, two_classes, **colored.OPTIONS)
    images = source.cells["fog", 1]
    expected = colored.logits(images)[:, :2].argmax(-1) == two_classes.labels
    np.testing.assert_array_equal(report.correct[0], expected)


@pytest.mark.parametrize(
    "preprocess",
    [
        lambda x: tf.concat([x, x[:, ::-1]], 0),
        lambda x: x[:4],
        lambda x: tf.boolean_mask(x, tf.reduce_sum(x, (1, 2, 3)) > 0),
        lambda x: [x],
        lambda x: None,
    ],
)
def test_preprocess_must_return_each_image(
    source, model, monkeypatch, preprocess
):
    fail_on_call(model, monkeypatch)
    with pytest.raises(ValueError, match="preprocess must return one image"):
        evaluate(model, source, preprocess=preprocess, **colored.OPTIONS)


def test_the_model_must_return_one_prediction_per_image(source, examples):
    model = with_output(lambda logits: logits[:1], examples)
    with pytest.raises(ValueError, match=r"shape \(8, 3\).*got \(1, 3\)"):
        evaluate(model, source, **colored.OPTIONS)


def test_half_precision_scores_are_close(source):
    keras.config.set_dtype_policy("mixed_float16")
    model = colored.network(activation="softmax")
    report = evaluate(model, source, from_logits=False, **colored.OPTIONS)
    expected = evaluate(colored.network(), source, **colored.OPTIONS)
    # Half precision has three significant digits.
    for row, other in zip(report.rows, expected.rows, strict=True):
        assert row["nll"] == pytest.approx(other["nll"], rel=0.02)


def test_xla_gives_the_same_predictions(source, model):
    found = evaluate(model, source, jit_compile=True, **colored.OPTIONS)
    expected = evaluate(model, source, **colored.OPTIONS)
    np.testing.assert_array_equal(found.correct, expected.correct)


def test_verbose_0_prints_nothing(source, model, capsys):
    evaluate(model, source, **colored.OPTIONS)
    assert capsys.readouterr().out == ""
    evaluate(model, source, **{**colored.OPTIONS, "verbose": 1})
    assert "5/5" in capsys.readouterr().out


def test_generated_images_are_evaluated(examples, model):
    source = Generated(*examples)
    options = dict(corruptions=["fog"], severities=[3], verbose=0)
    report = evaluate(model, source, batch_size=8, **options)
    classes, scores = scores_by_hand(source.cell("fog", 3), source.labels)
    row = report.row("fog", 3)
    assert row["accuracy"] == scores["accuracy"]
    assert row["data"] == "regenerated"
    frost = evaluate(model, source, corruptions="frost", severities=[1])
    assert frost.row("frost", 1)["data"] == "regenerated, procedural frost"
