"""Noisy Student: each student, trained with noise, is the next teacher.

    python recipes/noisy_student.py
    python recipes/noisy_student.py --dataset cifar10 --labels 4000 --steps 2000

Trains a teacher on the labels under RandAugment. In each generation the
teacher answers once on the clean unlabeled images; those that it is sure of,
as many of each class, train a new student beside the labels, all under
RandAugment, and the student teaches the next. Prints the accuracy of each on
the test images, and saves the last as `student.keras`.
"""

import functools

import _common
import _runs
import numpy as np
import tensorflow as tf

from kconsist import NoisyStudent, data, targets, views

EPOCHS = 16


def train_student(args, train, labeled, unlabeled, teacher, generation):
    """Trains a new student on the teacher's answers; returns it."""
    logits = teacher.predict(unlabeled, batch_size=500, verbose=0)
    chosen = data.select_pseudo_labels(
        np.array(targets.soft_targets(logits)),
        per_class=args.per_class or len(unlabeled) // train.num_classes,
        threshold=args.threshold,
    )
    # No student starts from another one's weights.
    student = _common.network(args, train, args.seed + generation)
    trainer = NoisyStudent(
        student, logits[chosen], hard_labels=args.hard_labels
    )
    _common.compile(args, trainer)
    _, noise = _common.weak_and_strong(args.dataset)
    make_batches = functools.partial(
        data.semi_supervised,
        labeled,
        unlabeled[chosen],
        weak=views.Identity(),
        labeled_view=noise,
        strong=noise,
        batch_size=args.batch_size // (1 + args.unlabeled_ratio),
        unlabeled_ratio=args.unlabeled_ratio,
        with_index=True,
        steps=args.steps,
        seed=args.seed + generation,
    )
    title = f"student, generation {generation}, on {len(chosen)} images"
    _common.fit(args, trainer, make_batches, title, EPOCHS, averaged=all_noisy)
    return student


def all_noisy(batches):
    """Returns the images of batches that the student is trained on."""
    return batches.map(
        lambda views, labels: (
            tf.concat([views["labeled"], views["strong"]], 0),
            labels,
        )
    )


def parse():
    parser = _runs.parser(__doc__.split("\n")[0], "noisy_student")
    _common.add_dataset_flags(parser)
    _common.add_labels_flag(parser, default=50)
    parser.add_argument("--generations", type=int, default=3)
    parser.add_argument("--steps", type=int, default=480, help="each network")
    parser.add_argument("--batch-size", type=int, default=128, help="in all")
    parser.add_argument(
        "--unlabeled-ratio", type=int, default=3, help="to one labeled image"
    )
    parser.add_argument(
        "--threshold", type=float, default=0.3, help="confidence to exceed"
    )
    parser.add_argument(
        "--per-class", type=int, help="images; default: a class's share of all"
    )
    parser.add_argument("--hard-labels", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.steps = EPOCHS
    return args


def main():
    args = parse()
    folder = _runs.start(args)
    train, test = _common.load(args)
    labeled, unlabeled = _common.split(
        args, train, args.seed, include_labeled=True
    )
    _, noise = _common.weak_and_strong(args.dataset)
    teacher = _common.train_alone(
        args,
        train,
        labeled,
        noise,
        args.seed,
        "teacher, labels alone",
        averaged=True,
        epochs=EPOCHS,
    )
    rows = [_row("teacher, labels alone", teacher, test)]
    for generation in range(1, args.generations + 1):
        teacher = train_student(
            args, train, labeled, unlabeled, teacher, generation
        )
        rows.append(_row(f"student, generation {generation}", teacher, test))
        teacher.save(folder / "student.keras")
        _runs.write_json(folder / "rows.json", rows)
    print("\n" + _runs.table(rows))
    _runs.finish(args, folder, rows)


def _row(name, model, test):
    return {"network": name, "accuracy, %": _common.accuracy(model, test)}


if __name__ == "__main__":
    main()
