"""Semi-supervised learning: FixMatch beside training on the labels only.

    python recipes/semi_supervised.py --seeds 3
    python recipes/semi_supervised.py --dataset cifar10 --labels 250 \
        --steps 9000 --batch-size 16 --unlabeled-ratio 4 --threshold 0.7

Machine: two CPU cores, no GPU. Time: 299 s and 1,492 s.
Result: accuracy on the test images, labels only and FixMatch: 89.0 % and 94.7 %
(digits, 50 labels, mean of three seeds, commit 0c741b7); 42.4 % and 50.5 %
(CIFAR-10, 250 labels, one seed, commit bd48157).

Each seed selects other labels. Both networks train for the same number of
steps; FixMatch also sees unlabeled images. Other methods on the same data:
studies/every_method.py.
"""

import functools

import _common
import _run
import keras
from keras.optimizers import schedules

from kconsist import FixMatch, data

DEFAULTS = dict(
    labels=50,
    steps=400,
    batch_size=32,  # Labeled images.
    unlabeled_ratio=3,
    learning_rate=3e-3,  # Of Adam; falls to 0 along a cosine.
    weight_decay=5e-4,
    batch_norm_momentum=0.97,  # 0.99 keeps 2 % of its start for 400 steps.
)
THRESHOLD = 0.95  # Confidence that a pseudo-label must have.
EMA_DECAY = 0.99  # Of the averaged network, which is evaluated and saved.


def fit(args, run, trainer, make_batches, title):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = schedules.CosineDecay(args.learning_rate, args.steps)
    trainer.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
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
    parser = _run.parser(__doc__, "semi_supervised")
    _common.add_training_flags(parser, **DEFAULTS)
    add = parser.add_argument
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

        # The labels only.
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

        # The labels and the unlabeled images.
        trainer = FixMatch(
            _common.network(args, train, seed),
            threshold=args.threshold,
            ema_decay=args.ema_decay,
        )
        make_batches = functools.partial(
            data.semi_supervised,
            labeled,
            unlabeled,
            weak=weak,
            strong=strong,
            unlabeled_ratio=args.unlabeled_ratio,
            **options,
        )
        fit(args, run, trainer, make_batches, f"fixmatch, seed {seed}")
        trainer.inference_model.save(run.folder / "fixmatch.keras")
        row["fixmatch"] = _common.accuracy(trainer, test)
        rows.append(row)
        run.write("rows.json", rows)
    run.finish(_run.summarize(rows))


if __name__ == "__main__":
    _run.run(main)
