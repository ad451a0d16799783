"""What the recipes share: data, views, networks, and how they are trained."""

import argparse
import functools
import pathlib
import re

import _runs
import keras
import numpy as np
import tensorflow as tf

from kconsist import ConsistencyTrainer, callbacks, data, models, views

STEPS_TO_CHECKPOINT = 100

# A mirrored digit is another sign, so these are not flipped.
DIGITS = ("digits", "mnist", "svhn_cropped", "kmnist", "emnist")


# What a strong view adds to flips and crops; RandAugment's is FixMatch's.
NOISES = {
    "RandAugment": (views.RandAugment(), views.Cutout()),
    "AugMix": (views.AugMix(),),
}


def add_dataset_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say what is learned, and by which network."""
    parser.add_argument(
        "--dataset", default="digits", help="digits, a TFDS name, or a folder"
    )
    parser.add_argument("--data-dir", help="where TFDS keeps its data sets")
    parser.add_argument(
        "--image-size", type=int, help="side that images are resized to"
    )
    parser.add_argument("--depth", type=int, default=10, help="6n + 4")
    parser.add_argument("--width", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument(
        "--resume", action="store_true", help="go on where a run was stopped"
    )
    parser.add_argument(
        "--deterministic", action="store_true", help="the same floats, slower"
    )


def add_labels_flag(parser: argparse.ArgumentParser, default: int) -> None:
    """Adds the flag that says how many labels are used."""
    parser.add_argument(
        "--labels", type=int, default=default, help="in all; 0: every image's"
    )


def add_method_flag(parser, methods, default: str) -> None:
    """Adds the flag that names one or more methods, or `every`."""
    parser.add_argument(
        "--method", nargs="+", choices=[*methods, "every"], default=[default]
    )


def chosen(args: argparse.Namespace, methods) -> list[str]:
    """Returns the names of the methods to run, in order."""
    return list(methods) if "every" in args.method else args.method


def load(args: argparse.Namespace):
    """Returns the training and the test examples."""
    side = args.image_size
    train, test = data.load(
        args.dataset,
        data_dir=args.data_dir,
        image_size=(side, side) if side else None,
    )
    args.data = data.digest(train.images, train.labels)
    return train, test


def split(args, train, seed: int, include_labeled: bool = False):
    """Returns the labeled examples and the unlabeled images, or None."""
    if not args.labels:
        return train, train.images if include_labeled else None
    per_class, rest = divmod(args.labels, train.num_classes)
    if rest:
        raise SystemExit(
            f"--labels must be a multiple of {train.num_classes}, the number "
            f"of classes, got {args.labels}"
        )
    labeled, unlabeled = data.split_labels(
        train.labels,
        per_class=per_class,
        seed=seed,
        include_labeled=include_labeled,
    )
    examples = train.images[labeled], train.labels[labeled]
    return examples, train.images[unlabeled]


def weak_and_strong(dataset: str, noise: str = "RandAugment"):
    """Returns a weak and a strong view, without the flip for digits."""
    weak = views.FlipCrop(flip=dataset not in DIGITS)
    return weak, views.Compose([weak, *NOISES[noise]])


def network(args: argparse.Namespace, train, seed: int) -> keras.Model:
    """Returns a WideResNet for the images, drawn by a seed."""
    keras.utils.set_random_seed(seed)
    return models.WideResNet(
        args.depth,
        args.width,
        train.num_classes,
        train.images.shape[1:],
        weight_decay=args.weight_decay,
        # Of 0.99, the start's variance of 1 is still 2 % after 400 steps, which
        # outweighs that of a channel whose own is 0.001.
        batch_norm_momentum=0.97,
    )


def optimizer(args: argparse.Namespace) -> keras.optimizers.Optimizer:
    """Returns Adam, whose rate falls to 0 along a cosine."""
    rate = keras.optimizers.schedules.CosineDecay(
        args.learning_rate, args.steps
    )
    return keras.optimizers.Adam(rate)


def compile(args: argparse.Namespace, model: keras.Model) -> None:
    """Compiles with the recipes' optimizer."""
    model.compile(
        optimizer(args),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def fit(args, model, make_batches, title, epochs=10, averaged=None, **options):
    """Trains for `args.steps` steps, in epochs of equal length.

    A run that was stopped goes on with its last checkpoint.

    Args:
        args: the recipe's flags.
        model: compiled model or trainer.
        make_batches: function of `start_step` to an epoch of batches, with new
            ones at each pass.
        title: what is printed above the progress bars, and the name of the
            checkpoints; no other of the run has it.
        epochs: largest number of progress bars, or with `averaged` the number.
            Defaults to `10`.
        averaged: function of batches to those for BatchNorm where the weights
            of the last quarter are to be averaged. Defaults to `None`, no
            averaging.
        **options: passed on to `fit`.
    """
    print(f"\n{title}: {args.steps} steps", flush=True)
    others = []
    if averaged is None:
        epochs = equal_epochs(args.steps, epochs)
    elif args.steps % epochs:
        raise SystemExit(
            f"--steps must be a multiple of {epochs}, as the weights are "
            f"averaged over the last quarter, got {args.steps}"
        )
    else:
        images = averaged(make_batches(start_step=args.steps))
        others = [averaging(images, epochs)]
    name = re.sub("[^a-z0-9]+", "_", title.lower())
    resume = callbacks.Resume(
        pathlib.Path(args.out) / "checkpoints" / name,
        settings=_runs.bound(vars(args)),
        callbacks=others,
        every=STEPS_TO_CHECKPOINT,
    )
    try:
        return model.fit(
            make_batches(start_step=resume.step).repeat(),
            epochs=epochs,
            steps_per_epoch=args.steps // epochs,
            initial_epoch=resume.initial_epoch,
            callbacks=[*others, resume],
            **options,
        )
    except KeyboardInterrupt as stop:
        raise SystemExit(f"\n{stop}, with --resume") from None


def equal_epochs(steps: int, most: int) -> int:
    """Returns the largest number of equal epochs that make these steps."""
    return max(count for count in range(1, most + 1) if steps % count == 0)


@keras.saving.register_keras_serializable(package="recipes")
class Supervised(ConsistencyTrainer):
    """Plain training, which runs on several workers as all trainers do."""

    views = ("images",)

    def objective(self, views, labels, sample_weight=None):
        """Returns the compiled loss, the logits, no logs."""
        logits = self.forward(views["images"])
        loss = self.compute_loss(views, labels, logits, sample_weight)
        return loss, logits, {}


def train_alone(
    args, train, labeled, view, seed: int, title: str, averaged=False, **options
):
    """Trains a network on labels alone, seen through one view.

    Args:
        args: the recipe's flags.
        train: the examples that give the network its shape.
        labeled: images and labels.
        view: what the images are seen through.
        seed: seed of the network, the order and the view.
        title: what is printed above the progress bars; no other has it.
        averaged: whether the weights of the last quarter are averaged.
            Defaults to `False`.
        **options: passed on to `fit`.

    Returns:
        The network.
    """
    trainer = Supervised(network(args, train, seed))
    compile(args, trainer)
    make_batches = functools.partial(
        data.labeled_views,
        labeled,
        view=view,
        batch_size=args.batch_size,
        steps=args.steps,
        seed=seed,
    )
    images = (lambda batches: batches) if averaged else None
    fit(args, trainer, make_batches, title, averaged=images, **options)
    return trainer.student


def clean_and_noisy(args, labeled, unlabeled, seed, noise="RandAugment"):
    """Returns what makes a self-trainer's batches from a step on.

    Each has `args.batch_size` images in all.
    """
    clean, noisy = weak_and_strong(args.dataset, noise)
    ratio = args.unlabeled_ratio if unlabeled is not None else 0
    return functools.partial(
        data.clean_noisy,
        labeled,
        clean=clean,
        noisy=noisy,
        batch_size=args.batch_size // (1 + ratio),
        unlabeled=unlabeled,
        unlabeled_ratio=max(1, ratio),
        steps=args.steps,
        seed=seed,
    )


def all_noisy(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the images of such batches that the student is trained on."""

    def noisy(batch, labels):
        views = [batch[name] for name in sorted(batch) if "noisy" in name]
        return tf.concat(views, 0), labels

    return batches.map(noisy)


def averaging(images, epochs: int):
    """Averages the weights at the ends of the last quarter of the epochs."""
    return callbacks.StochasticWeightAveraging(
        start_epoch=3 * epochs // 4,
        batch_norm_data=images,
        batch_norm_steps=30,
    )


def accuracy(model: keras.Model, test) -> float:
    """Returns the accuracy on the test images, in percent."""
    logits = model.predict(test.images, batch_size=500, verbose=0)
    return 100 * float(np.mean(logits.argmax(-1) == test.labels))
