"""What does a teacher add to augmentation? The same budget for every row.

    python recipes/what_the_teacher_adds.py --dataset cifar10

For each number of labels (0: all) and each seed trains the same network on the
same number of images: on flips and crops; on RandAugment alone, without a
teacher; as a student in the published form (T 10, no T²); with T²; and in
variants. With fewer than all labels the students take the other images
unlabeled, three for each labeled one. A finished row is kept in rows.json, and
a second run goes on after it.
"""

import argparse
import json
import pathlib

import _common
import _runs
import keras
import numpy as np

from kconsist import SelfTrainer

PARTS = 32  # Weights are averaged at the ends of the last eight parts.
FIT = dict(epochs=PARTS, verbose=0)

WEAK, STRONG = "flips and crops alone", "RandAugment alone"
LONGER = "RandAugment alone, as long as teacher and student"
STARTED = "student, T 1, started from its teacher"
SECOND, THIRD = f"{STARTED}, second generation", f"{STARTED}, third generation"
ALONE = {WEAK: ("weak", 1), STRONG: ("strong", 1), LONGER: ("strong", 2)}

# Each student: the row whose network teaches it, and how it is taught.
STUDENTS = {
    "student, published (T 10, no T²)": dict(
        teacher=WEAK, temperature=10.0, temperature_squared=False
    ),
    "student, T 10 with T²": dict(teacher=WEAK, temperature=10.0),
    "student, T 1": dict(teacher=WEAK),
    "student, hard targets": dict(teacher=WEAK, hard_targets=True),
    STARTED: dict(teacher=WEAK, started=True),
    SECOND: dict(teacher=STARTED, started=True),
    THIRD: dict(teacher=SECOND, started=True),
    "RandAugment teacher, T 10 with T²": dict(teacher=STRONG, temperature=10.0),
    "RandAugment teacher, T 1": dict(teacher=STRONG),
    "RandAugment teacher, hard targets": dict(
        teacher=STRONG, hard_targets=True
    ),
    "RandAugment teacher, T 1, started from it": dict(
        teacher=STRONG, started=True
    ),
    "RandAugment teacher, hard targets, started from it": dict(
        teacher=STRONG, started=True, hard_targets=True
    ),
    "the same, second generation": dict(
        teacher="RandAugment teacher, hard targets, started from it",
        started=True,
        hard_targets=True,
    ),
    "the same, third generation": dict(
        teacher="the same, second generation", started=True, hard_targets=True
    ),
}
EVERY = [*ALONE, *STUDENTS]

# Flags that may differ between two runs that share a folder of rows.
FREE = _runs.FREE | {"labels", "seed", "deterministic", "data"}


class Study:
    """One draw of the labels: the networks that are trained on it."""

    def __init__(self, train, test, labels, seed, args, folder):
        args.labels = labels
        self.train, self.test, self.args, self.seed = train, test, args, seed
        self.folder, self.prefix = folder, f"{labels or 'all'} labels"
        self.labeled, self.unlabeled = _common.split(args, train, seed)
        self.weak, self.strong = _common.weak_and_strong(args.dataset)

    def model(self, name):
        """Returns the network of a row, trained now or kept in a file."""
        path = self.folder / f"{self.prefix}, {name}, {self.seed}.keras"
        if path.exists():
            return keras.models.load_model(path)
        title = path.stem
        if name in ALONE:
            model = self.alone(title, *ALONE[name])
        else:
            model = self.student(title, **STUDENTS[name])
        model.save(path)
        return model

    def alone(self, title, view, times):
        """Returns a network trained on the labels alone, seen in one view."""
        args = argparse.Namespace(**vars(self.args))
        args.steps *= times
        return _common.train_alone(
            args,
            self.train,
            self.labeled,
            getattr(self, view),
            self.seed,
            title,
            averaged=True,
            **FIT,
        )

    def student(self, title, teacher, started=False, **options):
        """Returns a student, trained on labels and a teacher's answers."""
        teacher = self.model(teacher)
        model = _common.network(self.args, self.train, self.seed)
        if started:
            model.set_weights(teacher.get_weights())
        trainer = SelfTrainer(model, teacher, **options)
        _common.compile(self.args, trainer)
        pairs = _common.clean_and_noisy(
            self.args, self.labeled, self.unlabeled, self.seed
        )
        _common.fit(
            self.args,
            trainer,
            pairs,
            title,
            averaged=_common.all_noisy,
            **FIT,
        )
        return model


def check_same_settings(args):
    """Stops where the folder's rows were trained by other settings."""
    kept = pathlib.Path(args.out) / "settings.json"
    if not kept.exists():
        return
    settings = json.loads(kept.read_text())
    for name, value in vars(args).items():
        if name not in FREE and settings.get(name, value) != value:
            raise SystemExit(
                f"{kept.parent} holds rows of --{name.replace('_', '-')} "
                f"{settings[name]}, got {value}: give another --out"
            )


def run(study, rows, keep):
    """Trains what has no row yet."""
    for name in study.args.only:
        row = rows.setdefault(f"{study.prefix}: {name}", {})
        if str(study.seed) in row:
            continue
        accuracy = _common.accuracy(study.model(name), study.test)
        row[str(study.seed)] = accuracy
        keep()
        print(
            f"{accuracy:5.1f}  {study.prefix}: {name}, seed {study.seed}",
            flush=True,
        )


def summary(rows):
    """Returns a row for each network: every seed and the mean."""
    return [
        {"clean accuracy, %": name}
        | {f"seed {seed}": value for seed, value in row.items()}
        | {"mean": float(np.mean(list(row.values())))}
        for name, row in rows.items()
    ]


def main():
    parser = _runs.parser(__doc__.split("\n")[0], "what_the_teacher_adds")
    _common.add_dataset_flags(parser)
    parser.add_argument(
        "--labels", type=int, nargs="+", default=[0, 4000, 1000, 250]
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=640)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--unlabeled-ratio", type=int, default=3)
    parser.add_argument(
        "--only", nargs="+", default=EVERY, choices=EVERY, help="rows"
    )
    args = parser.parse_args()
    if args.smoke:
        args.steps = PARTS
    check_same_settings(args)
    folder = _runs.start(args)
    kept = folder / "rows.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    train, test = _common.load(args)
    for labels in list(args.labels):
        for seed in range(args.seed, args.seed + args.seeds):
            study = Study(train, test, labels, seed, args, folder)
            run(study, rows, lambda: _runs.write_json(kept, rows))
    print(_runs.table(summary(rows)))
    _runs.finish(args, folder, rows)


if __name__ == "__main__":
    main()
