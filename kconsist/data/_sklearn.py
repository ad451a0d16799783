"""Data sets that come with scikit-learn."""

import numpy as np

from kconsist import _checks
from kconsist._requirements import check_installed
from kconsist.data.examples import Examples
from kconsist.data.splits import stratified_split


def load_moons(
    *, num_examples: int = 1000, noise: float = 0.06, seed: int = 0
) -> tuple[Examples, Examples]:
    """Returns two independent samples of two moons; see `load`."""
    check_installed("sklearn", 'load("moons")')
    from sklearn import datasets

    num_examples = _checks.as_integer("num_examples", num_examples, minimum=2)
    splits = []
    for split_seed in np.random.SeedSequence(seed).generate_state(2):
        points, labels = datasets.make_moons(
            num_examples, noise=noise, random_state=int(split_seed)
        )
        splits.append(
            Examples(
                points.astype(np.float32),
                labels.astype(np.int64),
                ("upper", "lower"),
            )
        )
    return splits[0], splits[1]


def load_digits(
    *,
    test_fraction: float = 0.25,
    image_size: tuple[int, int] = (32, 32),
) -> tuple[Examples, Examples]:
    """Returns the train and test split of the digits; see `load`."""
    check_installed("sklearn", 'load("digits")')
    check_installed("PIL", 'load("digits")')
    from PIL import Image
    from sklearn import datasets

    digits = datasets.load_digits()
    levels = np.round(digits.images * (255 / 16)).astype(np.uint8)
    height, width = image_size
    images = np.stack(
        [
            np.asarray(
                Image.fromarray(image).resize(
                    (width, height), Image.Resampling.BICUBIC
                )
            )
            for image in levels
        ]
    )
    images = np.repeat(images[..., np.newaxis], 3, axis=-1)
    labels = digits.target.astype(np.int64)
    # The split is part of the data set: it does not depend on a seed.
    train, test = stratified_split(labels, test_fraction, seed=0)
    names = tuple(str(name) for name in digits.target_names)
    return (
        Examples(images[train], labels[train], names),
        Examples(images[test], labels[test], names),
    )
