"""Properties of every corruption, and the errors of `corrupt`."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from kconsist.robustness.corruptions import (
    CORRUPTIONS,
    EXTRA,
    GROUPS,
    MAIN,
    PRESETS,
    SEVERITIES,
    corrupt,
)

DETERMINISTIC = {
    "brightness",
    "contrast",
    "defocus_blur",
    "gaussian_blur",
    "jpeg_compression",
    "pixelate",
    "saturate",
    "zoom_blur",
}


def pictures(count=16, height=32, width=32, channels=3):
    """Deterministic waves and blocks with all levels from 0 to 255."""
    n, y, x, c = np.ogrid[:count, :height, :width, :channels]
    waves = (n + 3) * y * y + 5 * x * (c + 1) + n * 37
    blocks = 90 * ((y // 8 + x // 8 + n) % 3)
    return ((waves // 4 + blocks) % 256).astype(np.uint8)


def test_names_are_the_benchmarks():
    assert len(CORRUPTIONS) == 19 == len(set(CORRUPTIONS))
    assert CORRUPTIONS == MAIN + EXTRA and len(MAIN) == 15
    assert sorted(n for g in GROUPS.values() for n in g) == sorted(CORRUPTIONS)
    mains = [len([n for n in g if n in MAIN]) for g in GROUPS.values()]
    assert mains == [3, 4, 4, 4]
    assert SEVERITIES == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_each_severity_of_each_name(preset):
    assert set(PRESETS[preset]) == set(CORRUPTIONS)
    assert {len(s) for s in PRESETS[preset].values()} == {5}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_depend_on_their_index_only(name):
    images = pictures(150)
    all_results = corrupt(images, name, 4, seed=3)
    for first, last in [(0, 1), (1, 9), (60, 131), (149, 150)]:
        part = corrupt(images[first:last], name, 4, seed=3, start=first)
        np.testing.assert_array_equal(part, all_results[first:last])
    chosen = np.array([140, 3, 77])
    part = corrupt(images[chosen], name, 4, seed=3, start=chosen)
    np.testing.assert_array_equal(part, all_results[chosen])
    for preset in ("tiny_imagenet", "imagenet"):
        all_results = corrupt(images, name, 5, preset=preset)
        part = corrupt(images[7:80], name, 5, preset=preset, start=7)
        np.testing.assert_array_equal(part, all_results[7:80])
    assert all_results.dtype == np.uint8 and all_results.shape == images.shape


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - DETERMINISTIC))
def test_images_and_seeds_get_different_noise(name):
    """Equal images are corrupted differently, and so are other seeds."""
    same = np.repeat(pictures(1), 3, 0)
    first, second, _ = corrupt(same, name, 3)
    assert (first != second).any()
    assert (corrupt(same, name, 3, seed=1)[0] != first).any()
    assert (corrupt(same, name, 3, seed=2**40)[0] != first).any()


def test_corruptions_get_different_noise():
    """Gaussian and speckle noise of one seed are uncorrelated."""
    images = np.full((1, 64, 64, 3), 128, np.uint8)
    noise = corrupt(images, "gaussian_noise", 1).astype(float).ravel()
    speckle = corrupt(images, "speckle_noise", 1).astype(float).ravel()
    assert abs(np.corrcoef(noise, speckle)[0, 1]) < 0.05


@pytest.mark.parametrize("name", sorted(DETERMINISTIC))
def test_deterministic_corruptions_ignore_the_seed(name):
    images = pictures(2)
    np.testing.assert_array_equal(
        corrupt(images, name, 2, seed=0), corrupt(images, name, 2, seed=1)
    )


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_input_is_not_modified(name):
    images = pictures(3)
    images.setflags(write=False)
    result = corrupt(images, name, 5)
    assert (result != images).any() and not np.shares_memory(result, images)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(8, 8), (9, 40), (33, 17)])
def test_any_size_is_corrupted(preset, name, size):
    images = pictures(2, *size)
    for severity in (1, 5):
        result = corrupt(images, name, severity, preset=preset)
        assert result.shape == images.shape and result.dtype == np.uint8
    assert (result != images).any()


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"impulse_noise"}))
def test_bytes_do_not_wrap(name):
    """White stays bright, and black stays dark where nothing is added."""
    white = corrupt(np.full((4, 32, 32, 3), 255, np.uint8), name, 5)
    assert white.min() >= 20  # Mud is 20; speckles at 4 sigma are 50.
    black = corrupt(np.zeros((4, 32, 32, 3), np.uint8), name, 5)
    added = {"snow": 256, "frost": 116, "spatter": 64, "brightness": 77}
    assert black.max() <= added.get(name, 128)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_gray_images_are_those_of_equal_channels(name):
    images = pictures(3, channels=1)
    result = corrupt(images, name, 3)
    assert result.shape == images.shape
    if name in GROUPS["noise"]:
        return  # Tested in test_noise.
    rgb = corrupt(np.repeat(images, 3, -1), name, 3).astype(float)
    luma = rgb @ [0.299, 0.587, 0.114]
    assert np.abs(result[..., 0] - luma).max() <= 0.51


def test_gray_noise_is_not_averaged():
    images = np.full((4, 32, 32, 1), 128, np.uint8)
    noisy = corrupt(images, "gaussian_noise", 5)
    assert abs(noisy.std() - 25.5) < 1  # sigma is 0.1


def test_an_empty_batch_is_allowed():
    assert corrupt(pictures(0), "fog", 1).shape == (0, 32, 32, 3)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"images": pictures(1) / 255}, "images must be uint8.*got float64"),
        ({"images": pictures(1).astype(int)}, "images must be uint8.*int64"),
        ({"images": pictures(1)[0]}, r"shape .*got \(32, 32, 3\)"),
        ({"images": pictures(1, channels=4)}, r"got \(1, 32, 32, 4\)"),
        ({"images": pictures(1, 7, 9)}, "sides of 8 or more, got 7 x 9"),
        ({"name": "gausian_noise"}, "did you mean 'gaussian_noise'"),
        ({"name": "jpeg"}, "did you mean 'jpeg_compression'"),
        ({"name": None}, "name must be one of"),
        ({"severity": 0}, "severity must be an integer of at least 1, got 0"),
        ({"severity": 6}, "severity must be from 1 to 5, got 6"),
        ({"severity": True}, "severity must be an integer .* got True"),
        ({"severity": 2.0}, "severity must be an integer .* got 2.0"),
        ({"preset": "tiny"}, r"preset must be one of .*got 'tiny'"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"seed": None}, "seed must be an integer of at least 0, got None"),
        ({"start": -5}, "start must be an integer of at least 0, got -5"),
        ({"start": [0, 1]}, r"1 ints for 1 images, got int64 of shape \(2,\)"),
        ({"start": [0.5]}, "1 ints for 1 images, got float64"),
        ({"start": [-5]}, "start must be from 0 to .* got -5"),
    ],
)
def test_wrong_arguments_raise(change, message):
    valid = {"images": pictures(1), "name": "fog", "severity": 1}
    with pytest.raises(ValueError, match=message):
        corrupt(**{**valid, **change})


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["scipy", "PIL"])
def test_missing_package_is_named_by_the_first_call(missing):
    """Names and presets are available without it."""
    code = f"""if True:
        import sys, importlib.util as u, numpy as np
        find = u.find_spec
        u.find_spec = lambda n, *a: None if n == {missing!r} else find(n, *a)
        sys.modules[{missing!r}] = None
        from kconsist.robustness.corruptions import PRESETS, corrupt
        corrupt(np.zeros((1, 32, 32, 3), "uint8"), "fog", 1)
    """
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: corrupt() needs {missing}, which is")


def digest(name):
    """Returns the first digits of a hash over all severities."""
    images = pictures()
    found = hashlib.sha256()
    for severity in SEVERITIES:
        found.update(corrupt(images, name, severity, seed=7).tobytes())
    return found.hexdigest()[:16]


# A new digest changes the images of every user, unless the release notes of
# NumPy announce a new stream of a distribution. jpeg_compression,
# elastic_transform and the procedural frost have no digest, because they depend
# on Pillow's codec and on the last bits of SciPy's floats.
DIGESTS = {
    "brightness": "073c1d4e12ae0723",
    "contrast": "3be881df13605059",
    "defocus_blur": "a90d6715e420c657",
    "fog": "474d4f5b676e4cb8",
    "gaussian_blur": "b1185c503a4aee00",
    "gaussian_noise": "a756dbafa83e5c29",
    "glass_blur": "97f8b5bf9a508fbc",
    "impulse_noise": "90c3d68bf6577be7",
    "motion_blur": "d2acbeea9c62faa6",
    "pixelate": "cfcdac4abe5761eb",
    "saturate": "dff52e2e19da0304",
    "shot_noise": "39ac20d7da99ab21",
    "snow": "c66dc33c0f9e972c",
    "spatter": "99410b960db15dfc",
    "speckle_noise": "1666ca5f15645daa",
    "zoom_blur": "28c1a08dedb2a063",
}


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_images_are_reproducible_across_versions(name):
    assert digest(name) == DIGESTS[name]
