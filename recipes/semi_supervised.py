"""A few labels and many images: FixMatch, Mean Teacher and their kin.

    python recipes/semi_supervised.py --method fixmatch
    python recipes/semi_supervised.py --method every --labels 40 --seeds 3
    python recipes/semi_supervised.py --dataset cifar10 --labels 250 \
        --steps 3000 --batch-size 32 --unlabeled-ratio 4

Trains a small WideResNet on the labels and the unlabeled images, and beside
it, on the same labels for the same number of steps, without them. Prints the
accuracy of both on the test images.
"""

import argparse
import functools
import typing

import _common
import _runs
import keras
import numpy as np

import kconsist
from kconsist import data, schedules


class Given(typing.NamedTuple):
    """What a method's trainer is made of."""

    args: argparse.Namespace
    student: keras.Model
    unlabeled: np.ndarray
    teacher: keras.Model  # Trained on the labels alone.

    def ramp(self, weight):
        """Returns a weight that rises over the first 40 % of the steps."""
        return schedules.LinearRampUp(
            weight, max(1, int(0.4 * self.args.steps))
        )


def fixmatch(given):
    return kconsist.FixMatch(
        given.student,
        threshold=given.args.threshold,
        ema_decay=given.args.ema_decay,
    )


def flexmatch(given):
    return kconsist.FlexMatch(
        given.student,
        num_examples=len(given.unlabeled),
        threshold=given.args.threshold,
        ema_decay=given.args.ema_decay,
    )


def uda(given):
    # The authors' settings for 250 labels of CIFAR-10.
    return kconsist.UDA(
        given.student,
        temperature=0.9,
        threshold=0.8,
        ema_decay=given.args.ema_decay,
    )


def mean_teacher(given):
    return kconsist.MeanTeacher(
        given.student,
        decay=given.args.ema_decay,
        consistency_weight=given.ramp(50.0),
    )


def pi_model(given):
    return kconsist.PiModel(given.student, consistency_weight=given.ramp(10.0))


def temporal_ensembling(given):
    return kconsist.TemporalEnsembling(
        given.student, len(given.unlabeled), consistency_weight=given.ramp(30.0)
    )


def pseudo_label(given):
    return kconsist.PseudoLabel(
        given.student,
        threshold=given.args.threshold,
        consistency_weight=given.ramp(1.0),
    )


def vat(given):
    # ε = 6 for images in [-1, 1]; the student takes 0 to 255.
    return kconsist.VAT(
        given.student,
        epsilon=6 * 127.5,
        consistency_weight=given.ramp(0.3),
        entropy_weight=0.06,
    )


def mixmatch(given):
    # The paper's ramp, whatever the run's length: 75 hurts so early a student.
    return kconsist.MixMatch(
        given.student,
        consistency_weight=schedules.LinearRampUp(75.0, 16_384),
        ema_decay=given.args.ema_decay,
    )


def debiased_self_training(given):
    return kconsist.DebiasedSelfTraining(
        given.student, threshold=given.args.threshold
    )


def self_tuning(given):
    return kconsist.SelfTuning(
        given.student, projection_size=128, decay=given.args.ema_decay
    )


def meta_pseudo_labels(given):
    return kconsist.MetaPseudoLabels(
        given.student,
        keras.models.clone_model(given.student),
        _common.optimizer(given.args),
        supervised_weight=1.0,
        uda_weight=given.ramp(8.0),
    )


def noisy_student(given):
    # One generation, whose teacher learned from the labels alone.
    logits = given.teacher.predict(given.unlabeled, verbose=0)
    return kconsist.NoisyStudent(given.student, logits)


def minimum_class_confusion(given):
    return kconsist.MinimumClassConfusion(given.student)


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
        noisy_student,
        minimum_class_confusion,
    )
}
INDEXED = ("flexmatch", "temporal_ensembling", "noisy_student")
# The others see two weak views.
STRONG = (
    "fixmatch",
    "flexmatch",
    "uda",
    "debiased_self_training",
    "meta_pseudo_labels",
    "noisy_student",
)


def semi_supervised(args, method, train, labeled, unlabeled, seed, teacher):
    """Trains on labels and unlabeled images; returns the trainer."""
    student = _common.network(args, train, seed)
    trainer = METHODS[method](Given(args, student, unlabeled, teacher))
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
    _common.add_method_flag(parser, METHODS, default="fixmatch")
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
        for method in _common.chosen(args, METHODS):
            trainer = semi_supervised(
                args, method, train, labeled, unlabeled, seed, alone
            )
            row[method] = _common.accuracy(trainer, test)
            trainer.inference_model.save(folder / f"{method}.keras")
            _runs.write_json(folder / "rows.json", rows)
    rows = _runs.with_mean(rows)
    print(_runs.table(_runs.turned(rows)))
    _runs.finish(args, folder, rows)


if __name__ == "__main__":
    main()
