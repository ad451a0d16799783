"""Comparison with outputs of the published code on CIFAR-10 images."""

import json
import pathlib

import numpy as np
import PIL
import pytest

from kconsist.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupt

DATA = pathlib.Path(__file__).parents[2] / "data" / "robustness"
EXACT = [
    "brightness",
    "contrast",
    "defocus_blur",
    "gaussian_blur",
    "pixelate",
    "saturate",
]
# The version of Pillow that the reference was made with.
SAME_CODEC = PIL.__version__.split(".")[0] == "13"


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA / "corruptions_deterministic.npz") as file:
        return dict(file)


def statistics(name):
    return json.loads((DATA / name).read_text())


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", EXACT)
def test_every_value_equals_the_reference(reference, name, severity):
    found = corrupt(reference["clean"], name, severity)
    np.testing.assert_array_equal(found, reference[f"{name}_{severity}"])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_zoom_blur_equals_the_reference_up_to_one_level(reference, severity):
    found = corrupt(reference["clean"], "zoom_blur", severity).astype(int)
    difference = np.abs(found - reference[f"zoom_blur_{severity}"])
    assert difference.max() <= 1
    assert (difference == 0).mean() >= 0.9998


@pytest.mark.parametrize("severity", SEVERITIES)
def test_jpeg_equals_the_reference_with_the_same_codec(reference, severity):
    found = corrupt(reference["clean"], "jpeg_compression", severity)
    difference = np.abs(
        found.astype(int) - reference[f"jpeg_compression_{severity}"]
    )
    assert difference.mean() < 2
    if SAME_CODEC:
        assert difference.max() == 0


@pytest.mark.parametrize("name", [n for n in CORRUPTIONS if n != "frost"])
def test_strength_equals_the_reference_at_each_severity(name):
    """Mean change over 60 images.

    The reference is one sample, whose mean has a standard error of up to 8 %
    (spatter). We average four samples, which adds little to it.
    """
    with np.load(DATA / "corruptions_statistics_images.npz") as file:
        clean = file["clean"]
    repeated = np.tile(clean, (4, 1, 1, 1))
    expected = statistics("corruptions_statistics.json")[name]
    for severity in SEVERITIES:
        found = corrupt(repeated, name, severity)
        change = np.abs(found.astype(int) - repeated).mean()
        target = expected[str(severity)]
        assert change == pytest.approx(target["mean_abs_change"], rel=0.08)
        assert found.mean() == pytest.approx(target["mean"], rel=0.03)
        assert found.std() == pytest.approx(target["std"], rel=0.05)


def test_procedural_frost_is_as_bright_as_the_photographs():
    with np.load(DATA / "corruptions_statistics_images.npz") as file:
        clean = np.repeat(file["clean"], 10, axis=0)
    expected = statistics("corruptions_statistics.json")["frost"]
    for severity in SEVERITIES:
        found = corrupt(clean, "frost", severity)
        target = expected[str(severity)]
        assert found.mean() == pytest.approx(target["mean"], rel=0.03)
        assert found.std() == pytest.approx(target["std"], rel=0.05)


@pytest.fixture(scope="module")
def thousand():
    """The CIFAR-10 test images test_00000 to test_00999, in order."""
    tfds = pytest.importorskip("tensorflow_datasets")
    try:
        dataset = tfds.load("cifar10", split="test", download=False)
    except (AssertionError, FileNotFoundError):
        pytest.skip("CIFAR-10 is not prepared here")
    images = {int(e["id"][5:]): e["image"] for e in tfds.as_numpy(dataset)}
    return np.stack([images[number] for number in range(1000)])


@pytest.mark.slow
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_strength_equals_the_reference_over_1000_images(thousand, name):
    expected = statistics("corruptions_statistics_severity5_1000.json")
    assert thousand.mean() == pytest.approx(expected["clean"]["mean"], abs=1e-3)
    expected = expected[name]
    change = np.abs(corrupt(thousand, name, 5).astype(int) - thousand).mean()
    tolerance = max(
        0.03 * expected["mean_abs_change"], 2 * expected["standard_error"]
    )
    assert abs(change - expected["mean_abs_change"]) <= tolerance
