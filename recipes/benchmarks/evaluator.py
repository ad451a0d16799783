"""Time to evaluate 95 cells over the bare forward passes of their images.

    python recipes/benchmarks/evaluator.py

WRN-10-1 on 19 corruptions at 5 severities. The bare passes are one compiled
function from batches of the same uint8 images to classes, and no more: no
scores, checks or journal, and the images are already in memory. The evaluator
reads a folder in the released layout, and, said apart, makes the images as it
goes. All take turns; the figures are ratios of their median times.

Two CPU cores, `--examples 200 --batch-size 100 --rounds 2`: 1.07 for images at
hand, 1.59 for images made.
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


def bare(model, cells, batch_size):
    """Returns a run of the forward passes alone."""

    @tf.function
    def classes(images):
        return tf.argmax(model(tf.cast(images, tf.float32), training=False), -1)

    def run(names):
        for images in (cells[cell] for cell in cells if cell[0] in names):
            answers = [
                classes(tf.convert_to_tensor(images[i : i + batch_size]))
                for i in range(0, len(images), batch_size)
            ]
            np.concatenate([answer.numpy() for answer in answers])

    return run


def evaluator(model, source, batch_size, folder):
    """Returns a run of `evaluate` that no earlier run has saved from work."""

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
    """Returns the three runs, by name; all have the same images."""
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
        "bare forward passes": bare(model, cells, size),
        "images at hand": evaluator(model, written, size, folder),
        "images made": evaluator(model, source, size, folder),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--examples", type=int, default=450, help="a cell")
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
    base = medians.pop("bare forward passes")
    for label, seconds in medians.items():
        print(f"ratio, {label}: {seconds / base:.3f}")


if __name__ == "__main__":
    main()
