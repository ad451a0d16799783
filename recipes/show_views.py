"""Draws each operation of RandAugment at increasing magnitudes.

    python recipes/show_views.py

Machine: one CPU core. Time: seconds.
Result: recipes/results/views_ops.png, one row for each operation, one column
for each magnitude from 0 to 10, on an image of CIFAR-10 where TFDS has it
prepared, otherwise on a digit.
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from kconsist import views
from kconsist.views.rand_augment import FIXMATCH_OPS

MAGNITUDES = (0, 2, 4, 6, 8, 10)


def read_image(number):
    """Returns an image of CIFAR-10, or a digit of the same size."""
    try:
        import tensorflow_datasets as tfds

        split = f"test[{number}:{number + 1}]"
        (example,) = tfds.load("cifar10", split=split, download=False)
        return example["image"].numpy()
    except (ImportError, AssertionError, OSError):  # No TFDS, or not prepared.
        from sklearn.datasets import load_digits

        digit = np.minimum(load_digits().images[number] * 16, 255)
        return digit.astype("uint8").repeat(4, 0).repeat(4, 1)[..., None]


def at_magnitudes(name):
    """Returns a view that applies an operation at magnitude i to image i."""

    def operation(images, seed):
        return tf.concat(
            [
                views.RandAugment(
                    num_ops=1, magnitude=m, probability=1.0, ops=[name]
                )(image[None], seed)
                for m, image in zip(MAGNITUDES, images, strict=True)
            ],
            axis=0,
        )

    return views.FunctionView(operation)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--image", type=int, default=34, help="its number")
    parser.add_argument("--seed", type=int, default=0, help="of the directions")
    parser.add_argument("--out", default="recipes/results/views_ops.png")
    parser.add_argument("--smoke", action="store_true", help="changes nothing")
    args = parser.parse_args()

    images = np.stack([read_image(args.image)] * len(MAGNITUDES))
    rows = {name: at_magnitudes(name) for name in FIXMATCH_OPS}
    figure = views.show(images, rows, seed=args.seed)
    for axes, magnitude in zip(figure.axes, MAGNITUDES, strict=False):
        axes.set_title(f"{magnitude}")
    pathlib.Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, dpi=50, bbox_inches="tight", pad_inches=0.05)
    print(f"operations at magnitudes {MAGNITUDES} in {args.out}")


if __name__ == "__main__":
    main()
