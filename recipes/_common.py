"""What the recipes share: flags, data sets, views and networks."""

import argparse
import inspect
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from kconsist import ConsistencyTrainer, callbacks, data, models, views

# A mirrored digit is no longer that digit.
NOT_FLIPPED = ("digits", "mnist", "svhn_cropped", "kmnist", "emnist")

# What a strong view adds to flips and crops; RandAugment's is FixMatch's.
NOISES = {
    "RandAugment": (views.RandAugment(), views.Cutout()),
    "AugMix": (views.AugMix(),),
}

# The views that a self-trained student learns from.
STUDENT_VIEWS = ("labeled", "strong", "noisy", "unlabeled_noisy")


def add_training_flags(
    parser: argparse.ArgumentParser,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    batch_norm_momentum: float,
    labels: int | None = None,
    unlabeled_ratio: int | None = None,
) -> None:
    """Adds the flags of recipes that train classifiers of images.

    The arguments are the flags' defaults; `None` adds no flag.
    """
    add = parser.add_argument
    add("--dataset", default="digits", help="digits, a TFDS name, or a folder")
    add("--data-dir", help="where TFDS keeps its data sets")
    add("--image-size", type=int, help="side that images are resized to")
    add(
        "--model",
        type=_model_name,
        default="WideResNet",
        help="WideResNet, or a name in keras.applications",
    )
    add("--depth", type=int, default=10, help="of WideResNet, 6n + 4")
    add("--width", type=int, default=1, help="of WideResNet")
    add("--weights", help="of keras.applications: imagenet, or a file")
    if labels is not None:
        add("--labels", type=int, default=labels, help="in all; 0 uses all")
    add("--steps", type=int, default=steps, help="of each network")
    add("--batch-size", type=int, default=batch_size)
    if unlabeled_ratio is not None:
        add(
            "--unlabeled-ratio",
            type=int,
            default=unlabeled_ratio,
            help="unlabeled images for each labeled one",
        )
    add("--learning-rate", type=float, default=learning_rate, help="of Adam")
    add(
        "--weight-decay",
        type=float,
        default=weight_decay,
        help="of WideResNet's kernels",
    )
    add("--batch-norm-momentum", type=float, default=batch_norm_momentum)
    add("--resume", action="store_true", help="resume a run that was stopped")
    add(
        "--deterministic",
        action="store_true",
        help="the same weights bit for bit, slower",
    )


def _model_name(name):
    if name == "WideResNet" or name in _applications():
        return name
    raise argparse.ArgumentTypeError(
        "must be WideResNet or a name in keras.applications, such as "
        f"ResNet50V2, got {name}"
    )


def _applications():
    found = vars(keras.applications).items()
    return {name: make for name, make in found if inspect.isfunction(make)}


def split(
    train: data.Examples, labels: int, seed: int, include_labeled: bool = False
):
    """Splits the training examples into labeled and unlabeled ones.

    Args:
        train: the training examples.
        labels: how many labels are kept, equally many of each class; 0 keeps
            all.
        seed: seed of the choice.
        include_labeled: whether the unlabeled images contain the labeled ones.
            Defaults to `False`.

    Returns:
        (images, labels) of the labeled examples, and the unlabeled images or
        `None` where there are none.
    """
    if not labels:
        return train, train.images if include_labeled else None
    per_class, rest = divmod(labels, train.num_classes)
    if rest:
        raise SystemExit(
            f"--labels must be a multiple of {train.num_classes}, the number "
            f"of classes, got {labels}"
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
    """Returns a weak and a strong view; digits are not flipped."""
    weak = views.FlipCrop(flip=dataset not in NOT_FLIPPED)
    return weak, views.Compose([weak, *NOISES[noise]])


def network(args: argparse.Namespace, train: data.Examples, seed: int):
    """Returns the network that `--model` names, from uint8 images to logits.

    Args:
        args: the recipe's flags.
        train: examples whose image shape and number of classes it has.
        seed: seed of its initial weights, and of what is random after it.
    """
    keras.utils.set_random_seed(seed)
    shape, classes = train.images.shape[1:], train.num_classes
    if args.model == "WideResNet":
        if args.weights:
            raise SystemExit(
                "--weights needs a --model of keras.applications, got "
                "--model WideResNet, which has no pretrained weights"
            )
        return models.WideResNet(
            args.depth,
            args.width,
            classes,
            shape,
            weight_decay=args.weight_decay,
            batch_norm_momentum=args.batch_norm_momentum,
        )
    application = _applications()[args.model]
    images = keras.Input(shape)
    # Each application has pixels in a range of its own.
    pixels = inspect.getmodule(application).preprocess_input(images)
    backbone = application(
        include_top=False,
        weights=args.weights,
        input_tensor=pixels,
        pooling="avg",
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = args.batch_norm_momentum
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")
    return keras.Model(images, logits(backbone.output), name=backbone.name)


@keras.saving.register_keras_serializable(package="recipes")
class Supervised(ConsistencyTrainer):
    """Plain training on labels; runs on several workers, as trainers do."""

    views = ("images",)

    def objective(self, views, labels, sample_weight=None):
        """Returns the compiled loss, the logits and no logs."""
        logits = self.forward(views["images"])
        loss = self.compute_loss(views, labels, logits, sample_weight)
        return loss, logits, {}


def equal_epochs(steps: int, most: int) -> int:
    """Returns the largest number of equal epochs that make these steps."""
    return max(count for count in range(1, most + 1) if steps % count == 0)


def steps_per_epoch(steps: int, epochs: int) -> int:
    """Returns the steps of each epoch, where all must be equally long."""
    if steps % epochs:
        raise SystemExit(
            f"--steps must be a multiple of {epochs}, as the weights are "
            f"averaged over the last quarter, got {steps}"
        )
    return steps // epochs


def averaging(batches: tf.data.Dataset, epochs: int):
    """Returns a callback that averages the weights of the last quarter.

    Args:
        batches: what BatchNorm's statistics of the averaged weights are
            computed on; of several views those that the student learns from.
        epochs: of the whole training; the ends of the last quarter count.
    """

    def student_images(batch, labels):
        if not isinstance(batch, dict):
            return batch
        names = [name for name in STUDENT_VIEWS if name in batch]
        return tf.concat([batch[name] for name in names], 0)

    return callbacks.StochasticWeightAveraging(
        start_epoch=3 * epochs // 4,
        batch_norm_data=batches.map(student_images),
        batch_norm_steps=30,
    )


def accuracy(model: keras.Model, test: data.Examples) -> float:
    """Returns the accuracy on the test images, in percent."""
    logits = model.predict(test.images, batch_size=500, verbose=0)
    return 100 * float(np.mean(logits.argmax(-1) == test.labels))
