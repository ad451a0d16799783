"""Domain adaptation: labels in one domain, images in another.

    python recipes/domain_adaptation.py
    python recipes/domain_adaptation.py --shift fog --seeds 3 --method \
        self_ensembling minimum_class_confusion adversarial_dropout

Machine: two CPU cores, no GPU. Time: 132 s (the first command).
Result: accuracy on the target's test images: source only 11.6 %, minimum class
confusion 11.3 %, which does not help from chance level (one seed).

The source is one half of the training images with their labels. The target is
the other half without labels, and shifted: inverted and tinted, or under one of
the corruptions of CIFAR-10-C. Trains on the source only, then by each method.
"""

import functools

import _common
import _run
import keras
import numpy as np
from keras.optimizers import schedules

import kconsist
from kconsist.robustness import CORRUPTIONS, corrupt

DEFAULTS = dict(
    steps=400,
    batch_size=64,  # Of each domain.
    learning_rate=3e-3,  # Of Adam; falls to 0 along a cosine.
    weight_decay=5e-4,
    batch_norm_momentum=0.97,  # 0.99 keeps 2 % of its start for 400 steps.
)
METHODS = {
    "minimum_class_confusion": kconsist.MinimumClassConfusion,
    "self_ensembling": kconsist.SelfEnsembling,
    "adversarial_dropout": kconsist.AdversarialDropout,
}


def shift(args, images, seed):
    """Returns the images as the target domain shows them, uint8."""
    if args.shift != "inverted":
        return corrupt(images, args.shift, args.severity, seed=seed)
    tint = np.random.default_rng(seed).uniform(0.3, 1, (len(images), 1, 1, 3))
    return ((255 - images) * tint).astype("uint8")


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
    parser = _run.parser(__doc__, "domain_adaptation")
    _common.add_training_flags(parser, **DEFAULTS)
    add = parser.add_argument
    add("--method", nargs="+", choices=METHODS, default=list(METHODS)[:1])
    add("--shift", choices=("inverted", *CORRUPTIONS), default="inverted")
    add("--severity", type=int, default=5, help="of a corruption, 1 to 5")
    add("--seeds", type=int, default=1, help="how many, from --seed on")
    args = _run.parse(parser, steps=4)
    run = _run.Run(args)

    train, test = run.load_data()
    weak, _ = _common.weak_and_strong(args.dataset)
    rows = []
    for seed in range(args.seed, args.seed + args.seeds):
        order = np.random.default_rng(seed).permutation(len(train.images))
        first, second = np.array_split(order, 2)
        source = train.images[first], train.labels[first]
        target = shift(args, train.images[second], seed)
        target_test = test._replace(images=shift(args, test.images, seed + 1))
        options = dict(batch_size=args.batch_size, steps=args.steps, seed=seed)

        # The source only.
        baseline = _common.network(args, train, seed)
        make_batches = functools.partial(
            kconsist.data.labeled_views, source, view=weak, **options
        )
        trainer = _common.Supervised(baseline)
        fit(args, run, trainer, make_batches, f"source only, seed {seed}")
        baseline.save(run.folder / "source_only.keras")
        row = {
            "seed": str(seed),
            "source only, on the source": _common.accuracy(baseline, test),
            "source only": _common.accuracy(baseline, target_test),
        }

        # The source's labels and the target's images.
        make_batches = functools.partial(
            kconsist.data.semi_supervised,
            source,
            target,
            weak=weak,
            strong=weak,
            unlabeled_ratio=1,
            **options,
        )
        for method in args.method:
            trainer = METHODS[method](_common.network(args, train, seed))
            fit(args, run, trainer, make_batches, f"{method}, seed {seed}")
            trainer.inference_model.save(run.folder / f"{method}.keras")
            row[method] = _common.accuracy(trainer, target_test)
        rows.append(row)
    run.finish(_run.summarize(rows), transposed=True)


if __name__ == "__main__":
    _run.run(main)
