"""Every semi-supervised method on the same data, beside the labels only.

    python recipes/studies/every_method.py --labels 40 --seeds 3 --steps 200 \
        --batch-size 16 --ema-decay 0.95
    python recipes/studies/every_method.py --dataset cifar10 --labels 250 \
        --method mixmatch uda flexmatch fixmatch mean_teacher --steps 2000 \
        --batch-size 16 --unlabeled-ratio 4 --threshold 0.7

Machine: two CPU cores, no GPU. Time: 1,281 s and 1,562 s.
Result: recipes/results/every_method_digits.json, cifar10_250_labels.json
(commits 0602f69 and 9394bf6).

All methods train the same network for the same number of steps, on the same
labeled views. Their settings are those of their papers or of the authors' code;
none is tuned. A seed selects the labels, the initial weights and the order.
"""

import argparse
import functools
import os
import sys
import typing

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import _common
import _run
import keras
import numpy as np
from keras.optimizers import schedules

import kconsist
from kconsist import data
from kconsist.schedules import LinearRampUp

DEFAULTS = dict(
    labels=50,
    steps=400,
    batch_size=32,  # Labeled images.
    unlabeled_ratio=3,
    learning_rate=3e-3,  # Of Adam; falls to 0 along a cosine.
    weight_decay=5e-4,
    batch_norm_momentum=0.97,  # 0.99 keeps 2 % of its start for 400 steps.
)
THRESHOLD = 0.95  # Of FixMatch and those that follow it.
EMA_DECAY = 0.99


class Setup(typing.NamedTuple):
    """What a method's trainer is built from."""

    args: argparse.Namespace
    student: keras.Model
    unlabeled: np.ndarray
    baseline: keras.Model  # Trained on the labels only.

    def ramp(self, weight: float) -> LinearRampUp:
        """Returns a weight that rises over the first 40 % of the steps."""
        return LinearRampUp(weight, max(1, int(0.4 * self.args.steps)))


def fixmatch(setup):
    return kconsist.FixMatch(
        setup.student,
        threshold=setup.args.threshold,
        ema_decay=setup.args.ema_decay,
    )


def flexmatch(setup):
    return kconsist.FlexMatch(
        setup.student,
        num_examples=len(setup.unlabeled),
        threshold=setup.args.threshold,
        ema_decay=setup.args.ema_decay,
    )


def uda(setup):
    # The authors' settings for 250 labels of CIFAR-10.
    return kconsist.UDA(
        setup.student,
        temperature=0.9,
        threshold=0.8,
        ema_decay=setup.args.ema_decay,
    )


def mean_teacher(setup):
    return kconsist.MeanTeacher(
        setup.student,
        decay=setup.args.ema_decay,
        consistency_weight=setup.ramp(50.0),
    )


def pi_model(setup):
    return kconsist.PiModel(setup.student, consistency_weight=setup.ramp(10.0))


def temporal_ensembling(setup):
    return kconsist.TemporalEnsembling(
        setup.student, len(setup.unlabeled), consistency_weight=setup.ramp(30.0)
    )


def pseudo_label(setup):
    return kconsist.PseudoLabel(
        setup.student,
        threshold=setup.args.threshold,
        consistency_weight=setup.ramp(1.0),
    )


def vat(setup):
    # ε = 6 for images in [-1, 1]; the student takes 0 to 255.
    return kconsist.VAT(
        setup.student,
        epsilon=6 * 127.5,
        consistency_weight=setup.ramp(0.3),
        entropy_weight=0.06,
    )


def mixmatch(setup):
    # The paper's ramp-up, whatever the number of steps: a weight of 75 in the
    # first steps hurts the student.
    return kconsist.MixMatch(
        setup.student,
        consistency_weight=LinearRampUp(75.0, 16_384),
        ema_decay=setup.args.ema_decay,
    )


def debiased_self_training(setup):
    return kconsist.DebiasedSelfTraining(
        setup.student, threshold=setup.args.threshold
    )


def self_tuning(setup):
    return kconsist.SelfTuning(
        setup.student, projection_size=128, decay=setup.args.ema_decay
    )


def meta_pseudo_labels(setup):
    return kconsist.MetaPseudoLabels(
        setup.student,
        keras.models.clone_model(setup.student),
        adam(setup.args),
        supervised_weight=1.0,
        uda_weight=setup.ramp(8.0),
    )


def noisy_student(setup):
    # One generation; its teacher is the baseline.
    logits = setup.baseline.predict(setup.unlabeled, verbose=0)
    return kconsist.NoisyStudent(setup.student, logits)


def minimum_class_confusion(setup):
    return kconsist.MinimumClassConfusion(setup.student)


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
# The other methods see two weak views.
STRONG = (
    "fixmatch",
    "flexmatch",
    "uda",
    "debiased_self_training",
    "meta_pseudo_labels",
    "noisy_student",
)


def adam(args):
    rate = schedules.CosineDecay(args.learning_rate, args.steps)
    return keras.optimizers.Adam(rate)


def fit(args, run, trainer, make_batches, title):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trainer.compile(adam(args), loss, metrics=["accuracy"])
    epochs = _common.equal_epochs(args.steps, most=10)
    resume = run.resume(title)
    trainer.fit(
        make_batches(start_step=resume.step).repeat(),
        epochs=epochs,
        steps_per_epoch=args.steps // epochs,
        initial_epoch=resume.initial_epoch,
        callbacks=[resume],
    )


def main():
    parser = _run.parser(__doc__, "every_method")
    _common.add_training_flags(parser, **DEFAULTS)
    add = parser.add_argument
    add("--method", nargs="+", choices=METHODS, default=list(METHODS))
    add("--seeds", type=int, default=1, help="how many, from --seed on")
    add("--threshold", type=float, default=THRESHOLD)
    add("--ema-decay", type=float, default=EMA_DECAY)
    args = _run.parse(parser, steps=4)
    run = _run.Run(args)

    train, test = run.load_data()
    weak, strong = _common.weak_and_strong(args.dataset)
    rows = []
    for seed in range(args.seed, args.seed + args.seeds):
        labeled, unlabeled = _common.split(
            train, args.labels, seed, include_labeled=True
        )
        options = dict(batch_size=args.batch_size, steps=args.steps, seed=seed)

        baseline = _common.network(args, train, seed)
        make_batches = functools.partial(
            data.labeled_views, labeled, view=weak, **options
        )
        trainer = _common.Supervised(baseline)
        fit(args, run, trainer, make_batches, f"supervised, seed {seed}")
        baseline.save(run.folder / "supervised.keras")
        row = {
            "seed": str(seed),
            "supervised": _common.accuracy(baseline, test),
        }
        rows.append(row)

        for method in args.method:
            student = _common.network(args, train, seed)
            setup = Setup(args, student, unlabeled, baseline)
            trainer = METHODS[method](setup)
            make_batches = functools.partial(
                data.semi_supervised,
                labeled,
                unlabeled,
                weak=weak,
                strong=strong if method in STRONG else weak,
                unlabeled_ratio=args.unlabeled_ratio,
                with_index="index" in trainer.views,
                **options,
            )
            fit(args, run, trainer, make_batches, f"{method}, seed {seed}")
            trainer.inference_model.save(run.folder / f"{method}.keras")
            row[method] = _common.accuracy(trainer, test)
            run.write("rows.json", rows)
    run.finish(_run.summarize(rows), transposed=True)


if __name__ == "__main__":
    _run.run(main)
