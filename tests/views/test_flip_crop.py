"""Flips and crops, checked on images whose pixels are coordinates."""

import numpy as np
import pytest

from kconsist.views import FlipCrop


def test_no_padding_and_no_flip_is_the_identity(photographs):
    result = FlipCrop(flip=False, padding=0)(photographs, seed=0)
    np.testing.assert_array_equal(result, photographs)


def test_about_half_of_the_images_are_flipped(coordinates):
    result = FlipCrop(padding=0)(coordinates, seed=1).numpy()
    flipped = result[:, 0, 0, 1] == 31
    assert 16 < flipped.sum() < 48
    for image, mirrored in zip(result, flipped, strict=True):
        expected = coordinates[0][:, ::-1] if mirrored else coordinates[0]
        np.testing.assert_array_equal(image, expected)


def test_every_result_is_a_crop_of_the_flipped_and_padded_image(photographs):
    images = np.repeat(photographs, 10, axis=0)
    results = FlipCrop()(images, seed=0).numpy()
    seen = set()
    for image, result in zip(images, results, strict=True):
        found = set()
        for flip in (False, True):
            base = image[:, ::-1] if flip else image
            padded = np.pad(base, ((4, 4), (4, 4), (0, 0)), mode="reflect")
            for top in range(9):
                for left in range(9):
                    crop = padded[top : top + 32, left : left + 32]
                    if (crop == result).all():
                        found.add((flip, top, left))
        assert len(found) == 1
        seen |= found
    flips, tops, lefts = (set(values) for values in zip(*seen, strict=True))
    assert flips == {False, True}
    assert tops == lefts == set(range(9))
    assert len(seen) > 100


def test_without_flip_columns_keep_their_order(coordinates):
    result = FlipCrop(flip=False)(coordinates, seed=0).numpy()
    # Away from the border, where the padding reflects.
    columns = result[:, 16, 4:-4, 1].astype(int)
    assert (np.diff(columns, axis=1) == 1).all()


def test_resize_and_crop_set_the_output_size(photographs, digits):
    view = FlipCrop(resize=96, crop=72)
    assert view(photographs, seed=0).shape == (24, 72, 72, 3)
    assert view(digits[0], seed=0).shape == (72, 72, 1)


def test_crop_after_resize_reaches_every_position(coordinates):
    # Resizing to the original size keeps the coordinates.
    images = np.repeat(coordinates, 8, axis=0)
    result = FlipCrop(flip=False, resize=32, crop=24)(images, seed=0).numpy()
    tops, lefts = result[:, 0, 0, 0], result[:, 0, 0, 1]
    assert set(tops) == set(lefts) == set(range(9))
    for image, top, left in zip(result, tops, lefts, strict=True):
        np.testing.assert_array_equal(
            image, images[0][top : top + 24, left : left + 24]
        )


def test_resize_and_crop_accept_height_and_width(coordinates):
    view = FlipCrop(flip=False, resize=(32, 32), crop=(12, 30))
    result = view(np.repeat(coordinates, 8, axis=0), seed=0).numpy()
    assert result.shape == (512, 12, 30, 3)
    tops, lefts = result[:, 0, 0, 0], result[:, 0, 0, 1]
    assert set(tops) == set(range(21))
    assert set(lefts) == set(range(3))
    for image, top, left in zip(result, tops, lefts, strict=True):
        np.testing.assert_array_equal(
            image, coordinates[0][top : top + 12, left : left + 30]
        )
    view = FlipCrop(resize=(40, 60), crop=24)
    assert view(coordinates, seed=0).shape == (64, 24, 24, 3)


def test_resize_keeps_a_constant_image():
    images = np.full((2, 32, 48, 3), 201, "uint8")
    result = FlipCrop(resize=96, crop=72)(images, seed=0)
    np.testing.assert_array_equal(result, np.full((2, 72, 72, 3), 201))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"padding": -1}, "padding must be an int >= 0, got -1"),
        ({"padding": 1.5}, "padding must be an int >= 0, got 1.5"),
        ({"resize": 96}, "resize and crop must be given together"),
        ({"crop": 72}, "resize and crop must be given together"),
        ({"resize": 72, "crop": 96}, "at most resize, got crop=96"),
        ({"resize": 72, "crop": 0}, "at least 1"),
        ({"resize": 96.0, "crop": 72}, "resize must be None, an int"),
        ({"resize": (96, 9), "crop": 72}, r"got crop=72 and resize=\(96, 9\)"),
        (
            {"resize": 96, "crop": (72, 72, 3)},
            r"a pair \(height, width\) of them",
        ),
    ],
)
def test_bad_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        FlipCrop(**arguments)


def test_padding_as_large_as_the_image_is_an_error():
    images = np.zeros((2, 8, 16, 1), "uint8")
    FlipCrop(padding=7)(images, seed=0)
    with pytest.raises(ValueError, match="padding=8 and images of shape"):
        FlipCrop(padding=8)(images, seed=0)


def test_flips_rows_and_columns_are_independent(coordinates):
    images = np.repeat(coordinates, 40, axis=0)
    result = FlipCrop(resize=32, crop=24)(images, seed=0).numpy()
    flips = result[:, 0, 0, 1] > result[:, 0, 1, 1]
    tops, lefts = result[:, 0, 0, 0], result[:, 0].min(axis=1)[:, 1]
    correlations = np.corrcoef([flips, tops, lefts]) - np.eye(3)
    # Five times 1 / sqrt(2560); five standard deviations of the mean.
    assert abs(correlations).max() < 0.1
    assert abs(flips.mean() - 0.5) < 0.05
    assert set(tops) == set(lefts) == set(range(9))


def test_resized_pixels_are_rounded():
    """Resizing an edge of 0 and 255 to twice the size gives quarters."""
    images = np.zeros((1, 8, 8, 1), "uint8")
    images[:, :, 4:] = 255
    result = FlipCrop(flip=False, resize=16, crop=16)(images, seed=0).numpy()
    expected = [0] * 7 + [64, 191] + [255] * 7
    np.testing.assert_array_equal(result[0, 3, :, 0], expected)
