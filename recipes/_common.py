"""What the recipes share: data, networks, a folder for each run, a table."""

import argparse
import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from kconsist import callbacks, data, models, views

# A mirrored digit is another sign, so these are not flipped.
DIGITS = ("digits", "mnist", "svhn_cropped", "kmnist", "emnist")


def parser(description: str, name: str) -> argparse.ArgumentParser:
    """Returns a parser with the flags that every recipe has."""
    found = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    found.add_argument(
        "--smoke", action="store_true", help="a few steps, to see that it runs"
    )
    found.add_argument("--seed", type=int, default=0, help="first seed")
    found.add_argument(
        "--out", default=f"runs/{name}", help="folder of the results"
    )
    return found


def start(args: argparse.Namespace) -> pathlib.Path:
    """Makes the folder of a run and writes its settings there."""
    folder = pathlib.Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "settings.json", vars(args))
    args.started = time.monotonic()
    return folder


def finish(args: argparse.Namespace, folder: pathlib.Path, results) -> None:
    """Writes the results and says where they are."""
    seconds = round(time.monotonic() - args.started, 1)
    write_json(
        folder / "results.json", {"seconds": seconds, "results": results}
    )
    print(f"{seconds:.0f} s; results in {folder}/")


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


def add_labels_flag(parser: argparse.ArgumentParser, default: int) -> None:
    """Adds the flag that says how many labels are used."""
    parser.add_argument(
        "--labels", type=int, default=default, help="in all; 0: every image's"
    )


def load(args: argparse.Namespace):
    """Returns the training and the test examples."""
    side = args.image_size
    return data.load(
        args.dataset,
        data_dir=args.data_dir,
        image_size=(side, side) if side else None,
    )


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


def weak_and_strong(dataset: str):
    """Returns FixMatch's two views, without the flip for digits."""
    weak = views.FlipCrop(flip=dataset not in DIGITS)
    return weak, views.Compose([weak, views.RandAugment(), views.Cutout()])


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


def compile(args: argparse.Namespace, model: keras.Model) -> None:
    """Compiles with Adam, whose rate falls to 0 along a cosine."""
    rate = keras.optimizers.schedules.CosineDecay(
        args.learning_rate, args.steps
    )
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def fit(args, model, batches, title: str, epochs=10, averaged=None, **options):
    """Trains for `args.steps` steps, in epochs of equal length.

    Args:
        args: the recipe's flags.
        model: compiled model or trainer.
        batches: an epoch of batches, with new ones at each pass.
        title: what is printed above the progress bars.
        epochs: number of progress bars. Defaults to `10`.
        averaged: images for BatchNorm where the weights of the last quarter
            are to be averaged. Defaults to `None`, no averaging.
        **options: passed on to `fit`.
    """
    print(f"\n{title}: {args.steps} steps", flush=True)
    epochs = min(epochs, args.steps)
    return model.fit(
        batches.repeat(),
        epochs=epochs,
        steps_per_epoch=args.steps // epochs,
        callbacks=[] if averaged is None else [averaging(averaged, epochs)],
        **options,
    )


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
        title: what is printed above the progress bars.
        averaged: whether the weights of the last quarter are averaged.
            Defaults to `False`.
        **options: passed on to `fit`.

    Returns:
        The network.
    """
    model = network(args, train, seed)
    compile(args, model)
    batches = data.labeled_views(
        labeled,
        view=view,
        batch_size=args.batch_size,
        steps=args.steps,
        seed=seed,
    )
    images = batches if averaged else None
    fit(args, model, batches, title, averaged=images, **options)
    return model


def clean_and_noisy(args, labeled, unlabeled, seed: int):
    """Returns a self-trainer's batches of `args.batch_size` images in all."""
    clean, noisy = weak_and_strong(args.dataset)
    ratio = args.unlabeled_ratio if unlabeled is not None else 0
    return data.clean_noisy(
        labeled,
        clean=clean,
        noisy=noisy,
        batch_size=args.batch_size // (1 + ratio),
        unlabeled=unlabeled,
        unlabeled_ratio=max(1, ratio),
        steps=args.steps,
        seed=seed,
    )


def all_noisy(batch: dict, labels):
    """Returns the images of such a batch that the student is trained on."""
    noisy = [batch[name] for name in sorted(batch) if "noisy" in name]
    return tf.concat(noisy, 0), labels


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


def write_json(path: pathlib.Path, value) -> None:
    """Writes a value as readable JSON."""
    path.write_text(json.dumps(value, indent=2, default=str) + "\n")


def table(rows: list[dict]) -> str:
    """Returns rows of equal keys as a Markdown table."""
    heads = list(rows[0])
    cells = [heads, ["---"] * len(heads)]
    cells += [[_text(row[head]) for head in heads] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        + " |"
        for row in cells
    )


def with_mean(rows: list[dict]) -> list[dict]:
    """Returns rows of a seed each, and a last one of their means."""
    (seed, *names) = rows[0]
    means = {
        name: float(np.mean([row[name] for row in rows])) for name in names
    }
    return [*rows, {seed: "mean", **means}]


def _text(value):
    return f"{value:.1f}" if isinstance(value, float) else str(value)
