"""The main job: a teacher on clean images, a student on noisy ones.

    python recipes/self_training.py
    python recipes/self_training.py --dataset cifar10 --labels 4000 --steps 2000
    python recipes/self_training.py --dataset cifar10 --labels 0 --steps 2336 \
        --noise AugMix --teacher-view weak

Trains the network on flips and crops and on RandAugment, without a teacher,
and averages the weights. One of the two, RandAugment's by default, becomes the
teacher: a student starts from it and learns, on RandAugmented images, the
labels and the teacher's answers on the clean ones. With `--labels` it takes the
other images unlabeled. Each network sees the same number of images; what the
teacher adds is the student's lead over RandAugment alone. `--generations` makes
each student the teacher of the next; `--noise AugMix` puts AugMix in the place
of RandAugment. Saves the networks, the last as `student.keras`, which load
without kconsist, and a picture of what they see. All are judged on clean test
images and under 19 corruptions, teacher beside student: report.html.
"""

import _common
import _judge
import _runs
import keras
import numpy as np

from kconsist import SelfTrainer, views
from kconsist.robustness import Generated, evaluate

EPOCHS = 16
WEAK = "flips and crops alone"


def train_student(args, train, labeled, unlabeled, teacher, generation):
    """Trains a student; returns it."""
    model = _common.network(args, train, args.seed + generation)
    if not args.from_scratch:
        model.set_weights(teacher.get_weights())
    trainer = SelfTrainer(
        model,
        teacher,
        temperature=args.temperature,
        temperature_squared=not args.no_temperature_squared,
        hard_targets=args.hard_targets,
    )
    _common.compile(args, trainer)
    _common.fit(
        args,
        trainer,
        _common.clean_and_noisy(
            args, labeled, unlabeled, args.seed, args.noise
        ),
        f"student, generation {generation}",
        EPOCHS,
        averaged=_common.all_noisy,
    )
    return trainer.student


def judge(args, folder, networks, test):
    """Judges networks under corruptions; the first is the baseline.

    Returns a report for each, whose files it writes.
    """
    print("\nunder corruptions", flush=True)
    clean, noisy = _common.weak_and_strong(args.dataset, args.noise)
    source = Generated(
        *test,
        preset=_judge.preset(test.images),
        seed=args.seed,
        num_classes=test.num_classes,
    )
    reports = [
        evaluate(
            model,
            source,
            severities=[5],
            examples=min(args.judged, len(test.images)),
            resume_file=folder / "cells.jsonl",
            name=name,
            augmentations=clean if name == WEAK else noisy,
        )
        for name, model in networks.items()
    ]
    _judge.write(folder, reports, references=args.dataset == "cifar10")
    print("\n" + "\n".join(source.notes))
    return reports


def parse():
    parser = _runs.parser(__doc__.split("\n")[0], "self_training")
    _common.add_dataset_flags(parser)
    _common.add_labels_flag(parser, default=50)
    parser.add_argument("--generations", type=int, default=1)
    parser.add_argument("--steps", type=int, default=480, help="each network")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument(
        "--unlabeled-ratio", type=int, default=3, help="to one labeled image"
    )
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--no-temperature-squared", action="store_true")
    parser.add_argument("--hard-targets", action="store_true")
    parser.add_argument(
        "--from-scratch",
        action="store_true",
        help="draw each student anew instead of starting from its teacher",
    )
    parser.add_argument(
        "--noise", choices=_common.NOISES, default="RandAugment"
    )
    parser.add_argument(
        "--teacher-view",
        choices=("weak", "strong"),
        default="strong",
        help="what the teacher is trained on",
    )
    parser.add_argument(
        "--judged", type=int, default=1000, help="images a corruption"
    )
    args = parser.parse_args()
    if args.smoke:
        args.steps, args.judged = EPOCHS, 20
    return args


def main():
    args = parse()
    folder = _runs.start(args)
    train, test = _common.load(args)
    labeled, unlabeled = _common.split(args, train, args.seed)
    clean, noisy = _common.weak_and_strong(args.dataset, args.noise)
    views.show(train.images[:8], noisy).savefig(folder / "views.png", dpi=110)

    def alone_on(view, title):
        return _common.train_alone(
            args,
            train,
            labeled,
            view,
            args.seed,
            title,
            averaged=True,
            epochs=EPOCHS,
        )

    weak = alone_on(clean, WEAK)
    strong = alone_on(noisy, f"{args.noise} alone")
    weak.save(folder / "weak.keras")
    strong.save(folder / "strong.keras")
    alone = {
        WEAK: weak,
        f"{args.noise} alone, no teacher": strong,
    }
    rows = [_row(name, model, test) for name, model in alone.items()]
    # The teacher comes first: it is the baseline of the comparison.
    order = list(alone) if args.teacher_view == "weak" else reversed(alone)
    networks = {name: alone[name] for name in order}
    teacher = next(iter(networks.values()))
    for generation in range(1, args.generations + 1):
        teacher = train_student(
            args, train, labeled, unlabeled, teacher, generation
        )
        name = f"student, generation {generation}"
        networks[name] = teacher
        rows.append(_row(name, teacher, test))
        teacher.save(folder / "student.keras")
        _runs.write_json(folder / "rows.json", rows)

    reports = judge(args, folder, networks, test)
    print("\n" + _runs.table(_judge.table(reports)))
    print("\n" + _runs.table(_judge.differences(reports)))
    print("\n" + _runs.table(rows))
    _check_saved(folder / "student.keras", teacher, test)
    _runs.finish(args, folder, rows)


def _row(name, model, test):
    return {"network": name, "clean accuracy, %": _common.accuracy(model, test)}


def _check_saved(path, student, test):
    loaded = keras.models.load_model(path)
    few = test.images[:64]
    np.testing.assert_allclose(
        loaded.predict(few, verbose=0),
        student.predict(few, verbose=0),
        rtol=1e-4,
        atol=1e-4,
    )


if __name__ == "__main__":
    main()
