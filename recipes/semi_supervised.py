"""A few labels and many images: FixMatch, Mean Teacher and their kin.

    python recipes/semi_supervised.py --method fixmatch
    python recipes/semi_supervised.py --method every --labels 40 --seeds 3
    python recipes/semi_supervised.py --dataset cifar10 --labels 250 \
        --steps 3000 --batch-size 32 --unlabeled-ratio 4

Trains a small WideResNet on the labels and the unlabeled images, and beside
it, on the same labels for the same number of steps, without them. Prints the
accuracy of both on the test images.
"""

import functools

import _common
import _runs
import keras

import kconsist
from kconsist import data, schedules


def fixmatch(args, student, unlabeled, ramp):
    return kconsist.FixMatch(
        student, threshold=args.threshold, ema_decay=args.ema_decay
    )


def flexmatch(args, student, unlabeled, ramp):
    return kconsist.FlexMatch(
        student,
        num_examples=len(unlabeled),
        threshold=args.threshold,
        ema_decay=args.ema_decay,
    )


def uda(args, student, unlabeled, ramp):
    # The authors' settings for 250 labels of CIFAR-10.
    return kconsist.UDA(
        student, temperature=0.9, threshold=0.8, ema_decay=args.ema_decay
    )


def mean_teacher(args, student, unlabeled, ramp):
    return kconsist.MeanTeacher(
        student, decay=args.ema_decay, consistency_weight=ramp(50.0)
    )


def pi_model(args, student, unlabeled, ramp):
    return kconsist.PiModel(student, consistency_weight=ramp(10.0))


def temporal_ensembling(args, student, unlabeled, ramp):
    return kconsist.TemporalEnsembling(
        student, len(unlabeled), consistency_weight=ramp(30.0)
    )


def pseudo_label(args, student, unlabeled, ramp):
    return kconsist.PseudoLabel(
        student, threshold=args.threshold, consistency_weight=ramp(1.0)
    )


def vat(args, student, unlabeled, ramp):
    # ε = 6 for images in [-1, 1]; the student takes 0 to 255.
    return kconsist.VAT(
        student,
        epsilon=6 * 127.5,
        consistency_weight=ramp(0.3),
        entropy_weight=0.06,
    )


def mixmatch(args, student, unlabeled, ramp):
    return kconsist.MixMatch(
        student, consistency_weight=ramp(75.0), ema_decay=args.ema_decay
    )


def debiased_self_training(args, student, unlabeled, ramp):
    return kconsist.DebiasedSelfTraining(student, threshold=args.threshold)


def self_tuning(args, student, unlabeled, ramp):
    return kconsist.SelfTuning(
        student, projection_size=128, decay=args.ema_decay
    )


def meta_pseudo_labels(args, student, unlabeled, ramp):
    return kconsist.MetaPseudoLabels(
        student,
        keras.models.clone_model(student),
        _common.optimizer(args),
        supervised_weight=1.0,
        uda_weight=ramp(8.0),
    )


def minimum_class_confusion(args, student, unlabeled, ramp):
    return kconsist.MinimumClassConfusion(student)


# What makes each method's trainer, with its paper's settings or Google's.
METHODS = {
    make.__name__: make
    for make in (
        fixmatch,
        flexmatch,
        uda,
        mean_teacher,
        pi_model,
        temporal_ensembling,
        pseudo_label,
        vat,
        mixmatch,
        debiased_self_training,
        self_tuning,
        meta_pseudo_labels,
        minimum_class_confusion,
    )
}
INDEXED = ("flexmatch", "temporal_ensembling")
# The others see two weak views.
STRONG = (
    "fixmatch",
    "flexmatch",
    "uda",
    "debiased_self_training",
    "meta_pseudo_labels",
)


def semi_supervised(args, method, train, labeled, unlabeled, seed):
    """Trains on labels and unlabeled images; returns the trainer."""
    ramp_steps = max(1, int(0.4 * args.steps))
    trainer = METHODS[method](
        args,
        _common.network(args, train, seed),
        unlabeled,
        lambda weight: schedules.LinearRampUp(weight, ramp_steps),
    )
    _common.compile(args, trainer)
    weak, strong = _common.weak_and_strong(args.dataset)
    make_batches = functools.partial(
        data.semi_supervised,
        labeled,
        unlabeled,
        weak=weak,
        strong=strong if method in STRONG else weak,
        batch_size=args.batch_size,
        unlabeled_ratio=args.unlabeled_ratio,
        with_index=method in INDEXED,
        steps=args.steps,
        seed=seed,
    )
    _common.fit(args, trainer, make_batches, f"{method}, seed {seed}")
    return trainer


def main():
    parser = _runs.parser(__doc__.split("\n")[0], "semi_supervised")
    _common.add_dataset_flags(parser)
    _common.add_labels_flag(parser, default=50)
    parser.add_argument(
        "--method",
        nargs="+",
        choices=[*METHODS, "every"],
        default=["fixmatch"],
    )
    parser.add_argument("--seeds", type=int, default=1, help="draws of labels")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=32, help="labeled")
    parser.add_argument("--unlabeled-ratio", type=int, default=3)
    parser.add_argument("--threshold", type=float, default=0.95)
    parser.add_argument("--ema-decay", type=float, default=0.99)
    args = parser.parse_args()
    if args.smoke:
        args.steps = 4
    folder = _runs.start(args)
    train, test = _common.load(args)

    rows = []
    for seed in range(args.seed, args.seed + args.seeds):
        labeled, unlabeled = _common.split(
            args, train, seed, include_labeled=True
        )
        weak, _ = _common.weak_and_strong(args.dataset)
        alone = _common.train_alone(
            args, train, labeled, weak, seed, f"supervised alone, seed {seed}"
        )
        alone.save(folder / "supervised.keras")
        row = {"seed": str(seed), "supervised": _common.accuracy(alone, test)}
        rows.append(row)
        for method in METHODS if "every" in args.method else args.method:
            trainer = semi_supervised(
                args, method, train, labeled, unlabeled, seed
            )
            row[method] = _common.accuracy(trainer, test)
            trainer.predictor.save(folder / f"{method}.keras")
            _runs.write_json(folder / "rows.json", rows)
    rows = _runs.with_mean(rows)
    print(_runs.table(_runs.turned(rows)))
    _runs.finish(args, folder, rows)


if __name__ == "__main__":
    main()
