"""What a teacher adds to augmentation, for different numbers of labels.

    python recipes/studies/what_the_teacher_adds.py --dataset cifar10 \
        --steps 512
    python recipes/studies/what_the_teacher_adds.py --dataset cifar10 \
        --labels 0 --steps 2336 --width 2

Machine: two CPU cores, no GPU. Time: some two minutes for each network at 512
steps.
Result: recipes/results/what_the_teacher_adds.json and
what_the_teacher_adds_2336_steps.json (commits 9589e84 to 687c4ec and d8c0f2f).

For each number of labels (0: all) and each seed trains the same network on the
same number of images: on flips and crops, on RandAugment, and as a student of
either network in several forms, among them the published one (T 10, no T²). One
baseline is trained for as many steps as teacher and student together. With
fewer than all labels the students also see the other images, three for each
labeled one. Finished rows are kept in rows.json and not trained again.
"""

import functools
import json
import os
import pathlib
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import _common
import _run
import keras
import numpy as np
from keras.optimizers import schedules

from kconsist import SelfTrainer, data

DEFAULTS = dict(
    steps=640,
    batch_size=128,  # Labeled and unlabeled images.
    unlabeled_ratio=3,
    learning_rate=3e-3,  # Of Adam; falls to 0 along a cosine.
    weight_decay=5e-4,
    batch_norm_momentum=0.97,  # 0.99 keeps 2 % of its start for 400 steps.
)
LABELS = [0, 4000, 1000, 250]
EPOCHS = 32  # The weights at the ends of the last quarter are averaged.

WEAK, STRONG = "flips and crops", "RandAugment"
STARTED = "student, T 1, started from its teacher"
HARD = "RandAugment teacher, hard targets, started from it"

# Networks without a teacher: their view, and the factor on the steps.
BASELINES = {
    WEAK: dict(view="weak"),
    STRONG: dict(view="strong"),
    "RandAugment, steps of teacher and student": dict(view="strong", times=2),
}
# Students: the row whose network is the teacher, and the form of the training.
STUDENTS = {
    "student, published (T 10, no T²)": dict(
        teacher=WEAK, temperature=10.0, temperature_squared=False
    ),
    "student, T 10 with T²": dict(teacher=WEAK, temperature=10.0),
    "student, T 1": dict(teacher=WEAK),
    "student, hard targets": dict(teacher=WEAK, hard_targets=True),
    STARTED: dict(teacher=WEAK, started=True),
    f"{STARTED}, second generation": dict(teacher=STARTED, started=True),
    f"{STARTED}, third generation": dict(
        teacher=f"{STARTED}, second generation", started=True
    ),
    "RandAugment teacher, T 10 with T²": dict(teacher=STRONG, temperature=10.0),
    "RandAugment teacher, T 1": dict(teacher=STRONG),
    "RandAugment teacher, hard targets": dict(
        teacher=STRONG, hard_targets=True
    ),
    "RandAugment teacher, T 1, started from it": dict(
        teacher=STRONG, started=True
    ),
    HARD: dict(teacher=STRONG, started=True, hard_targets=True),
    f"{HARD}, second generation": dict(
        teacher=HARD, started=True, hard_targets=True
    ),
    f"{HARD}, third generation": dict(
        teacher=f"{HARD}, second generation", started=True, hard_targets=True
    ),
}
NETWORKS = [*BASELINES, *STUDENTS]

# Flags that runs with the same folder of rows may change.
FREE = ("labels", "seed", "deterministic")


class Study:
    """The networks of one number of labels and one seed.

    Args:
        args: the study's flags.
        run: the run, whose folder has the networks that are trained already.
        train: the training examples.
        labels: how many labels are kept; 0 keeps all.
        seed: seed of the labels, the initial weights, the order and the views.
    """

    def __init__(self, args, run, train, labels, seed):
        self.args, self.run, self.train, self.seed = args, run, train, seed
        self.prefix = f"{labels or 'all'} labels"
        self.labeled, self.unlabeled = _common.split(train, labels, seed)
        weak, strong = _common.weak_and_strong(args.dataset)
        self.views = dict(weak=weak, strong=strong)

    def network(self, name: str) -> keras.Model:
        """Returns the network of a row, from its file or trained."""
        title = f"{self.prefix}, {name}, {self.seed}"
        path = self.run.folder / f"{title}.keras"
        if path.exists():
            return keras.models.load_model(path)
        if name in BASELINES:
            model = self.train_baseline(title, **BASELINES[name])
        else:
            model = self.train_student(title, **STUDENTS[name])
        model.save(path)
        return model

    def train_baseline(self, title, view, times=1):
        """Returns a network trained on the labels, without a teacher."""
        steps = times * self.args.steps
        model = _common.network(self.args, self.train, self.seed)
        make_batches = functools.partial(
            data.labeled_views,
            self.labeled,
            view=self.views[view],
            batch_size=self.args.batch_size,
            steps=steps,
            seed=self.seed,
        )
        self.fit(_common.Supervised(model), make_batches, title, steps)
        return model

    def train_student(self, title, teacher, started=False, **options):
        """Returns a student of another row's network."""
        args, teacher = self.args, self.network(teacher)
        model = _common.network(args, self.train, self.seed)
        if started:
            model.set_weights(teacher.get_weights())
        ratio = 0 if self.unlabeled is None else args.unlabeled_ratio
        make_batches = functools.partial(
            data.clean_noisy,
            self.labeled,
            clean=self.views["weak"],
            noisy=self.views["strong"],
            batch_size=args.batch_size // (1 + ratio),
            unlabeled=self.unlabeled,
            unlabeled_ratio=max(1, ratio),
            steps=args.steps,
            seed=self.seed,
        )
        trainer = SelfTrainer(model, teacher, **options)
        self.fit(trainer, make_batches, title, args.steps)
        return model

    def fit(self, trainer, make_batches, title, steps):
        """Trains, and averages the weights of the last quarter."""
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        rate = schedules.CosineDecay(self.args.learning_rate, steps)
        trainer.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
        averaging = _common.averaging(make_batches(start_step=steps), EPOCHS)
        resume = self.run.resume(title, [averaging])
        trainer.fit(
            make_batches(start_step=resume.step).repeat(),
            epochs=EPOCHS,
            steps_per_epoch=_common.steps_per_epoch(steps, EPOCHS),
            initial_epoch=resume.initial_epoch,
            callbacks=[averaging, resume],
            verbose=0,
        )


def check_same_settings(args):
    """Stops where the folder's rows were trained with other settings."""
    kept = pathlib.Path(args.out) / "settings.json"
    if not kept.exists():
        return
    settings = json.loads(kept.read_text())
    for name, value in vars(args).items():
        if name in (*_run.FREE, *FREE):
            continue
        if settings.get(name, value) != value:
            raise SystemExit(
                f"{kept.parent} holds rows of --{name.replace('_', '-')} "
                f"{settings[name]}, got {value}: give another --out"
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
    parser = _run.parser(__doc__, "what_the_teacher_adds")
    _common.add_training_flags(parser, **DEFAULTS)
    add = parser.add_argument
    add("--labels", type=int, nargs="+", default=LABELS, help="0 uses all")
    add("--seeds", type=int, default=2, help="how many, from --seed on")
    add("--only", nargs="+", default=NETWORKS, choices=NETWORKS, help="rows")
    args = _run.parse(parser, steps=EPOCHS)
    check_same_settings(args)
    run = _run.Run(args, free=FREE)

    kept = run.folder / "rows.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    train, test = run.load_data()
    for labels in args.labels:
        for seed in range(args.seed, args.seed + args.seeds):
            study = Study(args, run, train, labels, seed)
            for name in args.only:
                row = rows.setdefault(f"{study.prefix}: {name}", {})
                if str(seed) in row:
                    continue
                row[str(seed)] = _common.accuracy(study.network(name), test)
                run.write("rows.json", rows)
    run.finish(summary(rows))


if __name__ == "__main__":
    _run.run(main)
