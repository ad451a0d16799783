"""Evaluates saved models on 19 corruptions at five severities.

    python recipes/evaluate_robustness.py teacher.keras student.keras
    python recipes/evaluate_robustness.py m.keras --data CIFAR-10-C
    python recipes/evaluate_robustness.py m.keras --data tfds --data-dir FOLDER

Machine: two CPU cores, no GPU. Time: 0.14 ms of one core for a corrupted image
(the mean of all cells, 2 minutes for 95 cells of 10,000 images), and the
models' forward passes, which take longer.
Result: report.json, .csv, .md, .html and .png; report_2.json, … of the others.

Corrupts the test images of `--dataset`, or reads the released CIFAR-10-C from
a folder of .npy files or from TensorFlow Datasets. The first of several models
is the baseline: differences have intervals by a paired bootstrap. Finished
cells are kept in `cells.jsonl`; the same command resumes an interrupted run.
"""

import _report
import _run
import keras

from kconsist import data, models
from kconsist.robustness import SEVERITIES, TFDS, Generated, NpyFolder, evaluate


def parse_args():
    parser = _run.parser(__doc__, "robustness")
    add = parser.add_argument
    add("models", nargs="*", metavar="MODEL.keras")
    add("--data", default="generated", help="generated, tfds, or a folder")
    add("--dataset", default="cifar10", help="whose test images are corrupted")
    add("--data-dir", help="where TFDS keeps its data sets")
    add("--examples", type=int, help="images of a cell; default: all")
    add("--severities", type=int, nargs="+", default=list(SEVERITIES))
    add("--corruptions", nargs="+", default=["all"], help="all, main, fog, …")
    add("--preset", default="cifar", help="constants of the corruptions")
    add("--frost-dir", help="folder of the frost photographs")
    add("--resize", type=int, help="side of the images that the models take")
    add("--batch-size", type=int, default=250)
    add("--probabilities", action="store_true", help="models end in a softmax")
    add("--trained-with", nargs="*", help="RandAugment, Brightness, …")
    smoke = dict(dataset="digits", examples=20, severities=[5])
    args = _run.parse(parser, **smoke)
    if not args.models and not args.smoke:
        parser.error("name at least one MODEL.keras")
    return args


def save_untrained(folder):
    """Saves two untrained networks for `--smoke`; returns their paths."""
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


def main():
    args = parse_args()
    run = _run.Run(args)
    paths = args.models or save_untrained(run.folder)
    source = make_source(args)
    size = args.resize
    reports = []
    for path, name in zip(paths, _report.short_names(paths), strict=True):
        print(f"\n{name}", flush=True)
        report = evaluate(
            keras.models.load_model(path),
            source,
            corruptions=_report.unpack_one(args.corruptions),
            severities=args.severities,
            examples=args.examples,
            seed=args.seed,
            preprocess=keras.layers.Resizing(size, size) if size else None,
            from_logits=not args.probabilities,
            batch_size=args.batch_size,
            resume_file=run.folder / "cells.jsonl",
            name=name,
            augmentations=args.trained_with,
        )
        reports.append(report)
    _report.write(run.folder, reports, references=args.dataset == "cifar10")
    print("\n" + "\n".join(source.notes))
    run.finish(_report.summaries(reports))


if __name__ == "__main__":
    _run.run(main)
