"""Labels in one domain, images in another: what adaptation adds.

    python recipes/domain_adaptation.py --method minimum_class_confusion
    python recipes/domain_adaptation.py --method every --shift fog --seeds 3

The source is one half of the training images with their labels; the target is
the other half without labels, under a shift: inverted and colored, each image
in a color of its own, or one of the corruptions of CIFAR-10-C. Prints the
accuracy on the target's test images, beside that of the labels alone.
"""

import functools

import _common
import _runs
import numpy as np

import kconsist
from kconsist import data
from kconsist.robustness import CORRUPTIONS, corrupt

METHODS = {
    "self_ensembling": kconsist.SelfEnsembling,
    "minimum_class_confusion": kconsist.MinimumClassConfusion,
    "adversarial_dropout": kconsist.AdversarialDropout,
}
INVERTED = "inverted"


def shifted(args, images, seed):
    """Returns the images as the target domain shows them, uint8."""
    if args.shift != INVERTED:
        return corrupt(images, args.shift, args.severity, seed=seed)
    tint = np.random.default_rng(seed).uniform(0.3, 1, (len(images), 1, 1, 3))
    return ((255 - images) * tint).astype("uint8")


def adapted(args, method, train, source, target, seed):
    """Trains on the source's labels and the target's images."""
    trainer = METHODS[method](_common.network(args, train, seed))
    _common.compile(args, trainer)
    weak, _ = _common.weak_and_strong(args.dataset)
    make_batches = functools.partial(
        data.semi_supervised,
        source,
        target,
        weak=weak,
        strong=weak,
        batch_size=args.batch_size,
        unlabeled_ratio=1,
        steps=args.steps,
        seed=seed,
    )
    _common.fit(args, trainer, make_batches, f"{method}, seed {seed}")
    return trainer


def main():
    parser = _runs.parser(__doc__.split("\n")[0], "domain_adaptation")
    _common.add_dataset_flags(parser)
    _common.add_method_flag(parser, METHODS, default="minimum_class_confusion")
    parser.add_argument(
        "--shift", choices=(INVERTED, *CORRUPTIONS), default=INVERTED
    )
    parser.add_argument("--severity", type=int, default=5, help="1 to 5")
    parser.add_argument("--seeds", type=int, default=1, help="halves drawn")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=64, help="a domain")
    args = parser.parse_args()
    if args.smoke:
        args.steps = 4
    folder = _runs.start(args)
    train, test = _common.load(args)

    rows = []
    for seed in range(args.seed, args.seed + args.seeds):
        order = np.random.default_rng(seed).permutation(len(train.images))
        half, rest = np.array_split(order, 2)
        source = train.images[half], train.labels[half]
        target = shifted(args, train.images[rest], seed)
        target_test = shifted(args, test.images, seed + 1), test.labels
        target_test = data.Examples(*target_test, test.class_names)
        weak, _ = _common.weak_and_strong(args.dataset)
        alone = _common.train_alone(
            args, train, source, weak, seed, f"source alone, seed {seed}"
        )
        alone.save(folder / "source_alone.keras")
        row = {
            "seed": str(seed),
            "source alone, on the source": _common.accuracy(alone, test),
            "source alone, on the target": _common.accuracy(alone, target_test),
        }
        rows.append(row)
        for method in _common.chosen(args, METHODS):
            trainer = adapted(args, method, train, source, target, seed)
            row[method] = _common.accuracy(trainer, target_test)
            trainer.inference_model.save(folder / f"{method}.keras")
            _runs.write_json(folder / "rows.json", rows)
    rows = _runs.with_mean(rows)
    print(_runs.table(_runs.turned(rows)))
    _runs.finish(args, folder, rows)


if __name__ == "__main__":
    main()
