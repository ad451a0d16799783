"""The judge: one or more saved models on 19 corruptions at five severities.

    python recipes/evaluate_robustness.py teacher.keras student.keras
    python recipes/evaluate_robustness.py m.keras --data CIFAR-10-C
    python recipes/evaluate_robustness.py m.keras --data tfds --data-dir FOLDER

Corrupts the test images of `--dataset` and drops them after use; or reads the
released CIFAR-10-C from a folder of .npy files, or from TensorFlow Datasets.
With several models the first is the baseline, and differences have intervals of
a paired bootstrap. Finished cells are kept in `cells.jsonl`: an interrupted run
goes on by the same command. Writes report.json, .csv, .md, .html and .png; the
other models' reports are report_2.json, …

Corrupting an image takes about 0.14 ms of one core, the mean over all cells:
2 minutes for the 95 cells of 10,000 images. A small network's forward passes
take longer than that.
"""

import pathlib

import _judge
import _runs
import keras

from kconsist import data, models
from kconsist.robustness import (
    SEVERITIES,
    TFDS,
    Generated,
    NpyFolder,
    evaluate,
)


def parse():
    parser = _runs.parser(__doc__.split("\n")[0], "robustness")
    parser.add_argument("models", nargs="*", metavar="MODEL.keras")
    parser.add_argument(
        "--data", default="generated", help="generated, tfds, or a folder"
    )
    parser.add_argument(
        "--dataset", default="cifar10", help="whose test images are corrupted"
    )
    parser.add_argument("--data-dir", help="where TFDS keeps its data sets")
    parser.add_argument("--examples", type=int, help="images a cell; None: all")
    parser.add_argument(
        "--severities", type=int, nargs="+", default=list(SEVERITIES)
    )
    parser.add_argument(
        "--corruptions", nargs="+", default=["all"], help="all, main, extra, …"
    )
    parser.add_argument("--preset", default="cifar")
    parser.add_argument("--frost-dir", help="the photographs of frost")
    parser.add_argument("--resize", type=int, help="side the models take")
    parser.add_argument("--batch-size", type=int, default=250)
    parser.add_argument(
        "--probabilities", action="store_true", help="models end in a softmax"
    )
    parser.add_argument(
        "--trained-with", nargs="*", help="RandAugment, Brightness, …"
    )
    args = parser.parse_args()
    if args.smoke:
        args.dataset, args.examples, args.severities = "digits", 20, [5]
    elif not args.models:
        parser.error("name at least one MODEL.keras")
    if len(args.corruptions) == 1:
        args.corruptions = args.corruptions[0]
    return args


def untrained(folder):
    """Saves two networks that have learned nothing; returns their paths."""
    paths = [folder / "first.keras", folder / "second.keras"]
    for seed, path in enumerate(paths):
        if not path.exists():
            keras.utils.set_random_seed(seed)
            models.WideResNet(10, 1).save(path)
    return paths


def make_source(args):
    """Returns the corrupted images that the flags name."""
    if args.data == "tfds":
        return TFDS(data_dir=args.data_dir)
    _, test = data.load(args.dataset, data_dir=args.data_dir)
    if args.data != "generated":
        return NpyFolder(args.data, clean=test, num_classes=test.num_classes)
    return Generated(
        *test,
        preset=args.preset,
        seed=args.seed,
        frost_dir=args.frost_dir,
        num_classes=test.num_classes,
    )


def names(paths):
    """Returns a short name for each file, different ones."""
    paths = [pathlib.Path(path) for path in paths]
    for found in (
        [path.stem for path in paths],
        [f"{path.parent.name}/{path.stem}" for path in paths],
    ):
        if len(set(found)) == len(found):
            return found
    return [str(path) for path in paths]


def judge(args, folder, source, path, name):
    """Evaluates one model."""
    print(f"\n{name}", flush=True)
    resize = args.resize
    return evaluate(
        keras.models.load_model(path),
        source,
        corruptions=args.corruptions,
        severities=args.severities,
        examples=args.examples,
        seed=args.seed,
        preprocess=keras.layers.Resizing(resize, resize) if resize else None,
        from_logits=not args.probabilities,
        batch_size=args.batch_size,
        resume_file=folder / "cells.jsonl",
        name=name,
        augmentations=args.trained_with,
    )


def main():
    args = parse()
    folder = _runs.start(args)
    paths = args.models or untrained(folder)
    source = make_source(args)
    reports = [
        judge(args, folder, source, path, name)
        for path, name in zip(paths, names(paths), strict=True)
    ]
    _judge.write(folder, reports, references=args.dataset == "cifar10")
    rows = _judge.table(reports)
    print("\n" + "\n".join(source.notes))
    print("\n" + _runs.table(rows))
    if len(reports) > 1:
        print("\n" + _runs.table(_judge.differences(reports)))
    _runs.finish(args, folder, rows)


if __name__ == "__main__":
    main()
