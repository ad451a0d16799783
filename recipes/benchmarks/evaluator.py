"""Compares the evaluation of 95 cells with the forward passes of its images.

    python recipes/benchmarks/evaluator.py

Machine: two CPU cores, no GPU. Result: 1.07 for stored images, 1.59 for
generated images (`--examples 200 --batch-size 100 --rounds 2`).

WRN-10-1 on 19 corruptions at 5 severities. The forward passes are one compiled
function from batches of the same uint8 images to classes, without scores,
checks or journal, on images in memory. The evaluator reads the images from a
folder in the released layout, or generates them. The figures are ratios of
median times, measured in turns.
"""

import argparse
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _turns
import keras
import numpy as np
import tensorflow as tf

from kconsist import data, models
from kconsist.robustness import CORRUPTIONS, SEVERITIES, Generated, evaluate


def forward_passes(model, cells, batch_size):
    """Returns a function that runs the forward passes only."""

    @tf.function
    def classes(images):
        return tf.argmax(model(tf.cast(images, tf.float32), training=False), -1)

    def run(names):
        for images in (cells[cell] for cell in cells if cell[0] in names):
            predictions = [
                classes(tf.convert_to_tensor(images[i : i + batch_size]))
                for i in range(0, len(images), batch_size)
            ]
            np.concatenate([batch.numpy() for batch in predictions])

    return run


def evaluator(model, source, batch_size, folder):
    """Returns a function that runs `evaluate` with a new journal."""

    def run(names):
        evaluate(
            model,
            source,
            corruptions=[name for name in names if name != "clean"],
            batch_size=batch_size,
            resume_file=folder / f"{time.perf_counter_ns()}.jsonl",
            verbose=0,
        )

    return run


def make_runs(args, names, folder):
    """Returns the three functions by name; all use the same images."""
    _, test = data.load("digits")
    images, labels = (part[: args.examples] for part in test)
    source = Generated(images, labels, num_classes=10)
    written = source.write(folder / "images", names)
    cells = {("clean", 0): images}
    for name in names:
        for severity in SEVERITIES:
            cells[name, severity] = np.array(written.cell(name, severity))
    keras.utils.set_random_seed(0)
    model = models.WideResNet(10, 1, 10, (32, 32, 3))
    size = args.batch_size
    return {
        "forward passes": forward_passes(model, cells, size),
        "stored images": evaluator(model, written, size, folder),
        "generated images": evaluator(model, source, size, folder),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--examples", type=int, default=450, help="images of a cell"
    )
    parser.add_argument("--batch-size", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    names = ["clean", *CORRUPTIONS]
    if args.smoke:
        args.examples, args.batch_size, args.rounds = 20, 10, 1
        names = names[:3]
    with tempfile.TemporaryDirectory() as folder:
        runs = make_runs(args, names[1:], pathlib.Path(folder))
        for run in runs.values():
            run(names[:2])  # Traces, imports, and fills caches.
        turns = {k: lambda run=run: run(names) for k, run in runs.items()}
        medians = _turns.median_seconds(turns, args.rounds)
    for label, seconds in medians.items():
        print(f"{label}: {seconds:.2f} s for {5 * len(names) - 4} cells")
    base = medians.pop("forward passes")
    for label, seconds in medians.items():
        print(f"ratio, {label}: {seconds / base:.3f}")


if __name__ == "__main__":
    main()
