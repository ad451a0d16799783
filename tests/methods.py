"""Every trainer with a tiny model, for the tests that all of them pass.

A new method is added to `METHODS`; the contract then covers it.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

import kconsist

CLASSES, FEATURES, BATCH, RATIO, EXAMPLES = 3, 6, 8, 2, 40


def network(batch_norm=False, dropout=0.0, seed=0, l2=0.0, width=10):
    """A small classifier on points, with the layers that a test needs."""
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((FEATURES,)), keras.layers.Dense(width)]
    if batch_norm:
        layers.append(keras.layers.BatchNormalization(momentum=0.9))
    layers.append(keras.layers.ReLU())
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    regularizer = keras.regularizers.L2(l2) if l2 else None
    layers.append(
        keras.layers.Dense(
            CLASSES, dtype="float32", kernel_regularizer=regularizer
        )
    )
    return keras.Sequential(layers)


@dataclasses.dataclass(frozen=True)
class Method:
    """One trainer and its views.

    Attributes:
        make: from a student and options to the trainer.
        views: how many times the labeled batch each view has.
        without_consistency: options under which only the labels count.
        consistency: options under which the labels do not count, if any.
        target: view that the target is made of; no gradient through it.
        learner: view that the consistency term's gradient flows through.
        trained_on: view that the labels belong to.
        also_learners: other views that its gradient flows through as well.
        reaches: the part of the trainer whose variables it trains, all of them.
    """

    make: object
    views: dict
    without_consistency: dict
    learner: str
    trained_on: str
    also_learners: tuple = ()
    reaches: str = "student"


def with_teacher(cls, **defaults):
    def make(student, **options):
        return cls(student, network(seed=7), **{**defaults, **options})

    return make


def without_teacher(cls, **defaults):
    def make(student, **options):
        return cls(student, **{**defaults, **options})

    return make


def after_an_epoch(cls, **defaults):
    """Images that were never seen have no target: each was seen once."""

    def make(student, **options):
        trainer = cls(student, **{**defaults, **options})
        predictions = np.random.default_rng(2).dirichlet(
            np.ones(CLASSES), EXAMPLES
        )
        trainer.ensemble.update(np.arange(EXAMPLES), predictions)
        return trainer

    return make


def with_trained_teacher(cls, **defaults):
    def make(student, **options):
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
        options = {**defaults, **options}
        return cls(student, network(seed=7), optimizer, **options)

    return make


def with_cached_logits(cls, **defaults):
    def make(student, **options):
        rng = np.random.default_rng(2)
        logits = rng.normal(0, 2, (EXAMPLES, CLASSES))
        return cls(student, logits, **{**defaults, **options})

    return make


PAIR = {"clean": 1, "noisy": 1}
PAIRS = {**PAIR, "unlabeled_clean": RATIO, "unlabeled_noisy": RATIO}
TRIPLE = {"labeled": 1, "weak": RATIO, "strong": RATIO}
NO_WEIGHT = {"consistency_weight": 0.0}

METHODS = {
    "self_trainer": Method(
        with_teacher(kconsist.SelfTrainer, temperature=2.0),
        PAIR,
        {"alpha": 1.0},
        "noisy",
        "noisy",
    ),
    "self_trainer_unlabeled": Method(
        with_teacher(kconsist.SelfTrainer),
        PAIRS,
        {"alpha": 1.0},
        "unlabeled_noisy",
        "noisy",
    ),
    "self_trainer_hard": Method(
        with_teacher(kconsist.SelfTrainer, hard_targets=True),
        PAIR,
        {"alpha": 1.0},
        "noisy",
        "noisy",
    ),
    "adversarial_dropout": Method(
        without_teacher(kconsist.AdversarialDropout, consistency_weight=0.2),
        {"labeled": 1, "weak": RATIO},
        {**NO_WEIGHT, "rate": 0.0},
        "weak",
        "labeled",
    ),
    "debiased_self_training": Method(
        without_teacher(
            kconsist.DebiasedSelfTraining,
            threshold=0.3,
            reversal=0.5,
            width=12,
            dropout=0.0,
        ),
        TRIPLE,
        {**NO_WEIGHT, "worst_case_weight": 0.0},
        "strong",
        "labeled",
        reaches="backbone",
    ),
    "distiller": Method(
        with_teacher(kconsist.Distiller),
        {"images": 1},
        {"alpha": 1.0},
        "images",
        "images",
    ),
    "mean_teacher": Method(
        without_teacher(
            kconsist.MeanTeacher, decay=0.9, consistency_weight=5.0
        ),
        TRIPLE,
        NO_WEIGHT,
        "strong",
        "labeled",
    ),
    "fixmatch": Method(
        without_teacher(kconsist.FixMatch, threshold=0.3),
        TRIPLE,
        NO_WEIGHT,
        "strong",
        "labeled",
    ),
    "fixmatch_average": Method(
        without_teacher(kconsist.FixMatch, threshold=0.3, ema_decay=0.9),
        TRIPLE,
        NO_WEIGHT,
        "strong",
        "labeled",
    ),
    "pi_model": Method(
        without_teacher(kconsist.PiModel),
        TRIPLE,
        NO_WEIGHT,
        "strong",
        "labeled",
        also_learners=("weak",),
    ),
    "pi_model_kl": Method(
        without_teacher(kconsist.PiModel, distance="kl"),
        TRIPLE,
        NO_WEIGHT,
        "strong",
        "labeled",
        also_learners=("weak",),
    ),
    "pi_model_views": Method(
        without_teacher(kconsist.PiModel, more_views=("third",)),
        {**TRIPLE, "third": RATIO},
        NO_WEIGHT,
        "third",
        "labeled",
        also_learners=("weak", "strong"),
    ),
    "flexmatch": Method(
        without_teacher(
            kconsist.FlexMatch,
            num_examples=EXAMPLES,
            threshold=0.4,
            ema_decay=0.9,
        ),
        {**TRIPLE, "index": RATIO},
        NO_WEIGHT,
        "strong",
        "labeled",
    ),
    "minimum_class_confusion": Method(
        without_teacher(kconsist.MinimumClassConfusion),
        {"labeled": 1, "weak": RATIO},
        {"confusion_weight": 0.0},
        "weak",
        "labeled",
    ),
    "mixmatch": Method(
        without_teacher(
            kconsist.MixMatch, consistency_weight=5.0, ema_decay=0.9
        ),
        TRIPLE,
        {**NO_WEIGHT, "alpha": 0.0},
        "strong",
        "labeled",
        also_learners=("labeled", "weak"),  # They are mixed in.
    ),
    "self_ensembling": Method(
        without_teacher(
            kconsist.SelfEnsembling,
            threshold=0.4,
            decay=0.9,
            balance_weight=0.1,
        ),
        TRIPLE,
        NO_WEIGHT,
        "strong",
        "labeled",
    ),
    "pseudo_label": Method(
        without_teacher(kconsist.PseudoLabel, threshold=0.3),
        {"labeled": 1, "weak": RATIO},
        NO_WEIGHT,
        "weak",
        "labeled",
    ),
    "self_tuning": Method(
        without_teacher(
            kconsist.SelfTuning,
            temperature=0.5,
            queue_length=4,
            projection_size=5,
            decay=0.9,
        ),
        TRIPLE,
        NO_WEIGHT,
        "strong",
        "labeled",
        reaches="backbone",
    ),
    "temporal_ensembling": Method(
        after_an_epoch(
            kconsist.TemporalEnsembling,
            num_examples=EXAMPLES,
            consistency_weight=5.0,
        ),
        {"labeled": 1, "weak": RATIO, "index": RATIO},
        NO_WEIGHT,
        "weak",
        "labeled",
    ),
    "meta_pseudo_labels": Method(
        with_trained_teacher(
            kconsist.MetaPseudoLabels, supervised_weight=1.0, threshold=0.4
        ),
        TRIPLE,
        NO_WEIGHT,
        "strong",
        "labeled",
    ),
    "mutual_mean_teaching": Method(
        with_trained_teacher(kconsist.MutualMeanTeaching, decay=0.9),
        {"first": 1, "second": 1},
        {"soft_weight": 0.0, "triplet_weight": 0.0},
        "first",
        "first",
    ),
    "noisy_student": Method(
        with_cached_logits(kconsist.NoisyStudent),
        {"labeled": 1, "strong": RATIO, "index": RATIO},
        NO_WEIGHT,
        "strong",
        "labeled",
    ),
    "uda": Method(
        without_teacher(
            kconsist.UDA, temperature=0.5, threshold=0.3, ema_decay=0.9
        ),
        TRIPLE,
        NO_WEIGHT,
        "strong",
        "labeled",
    ),
    "vat": Method(
        without_teacher(kconsist.VAT, epsilon=0.5),
        {"labeled": 1, "weak": RATIO},
        NO_WEIGHT,
        "weak",
        "labeled",
    ),
}


def arrays(method, steps=4, seed=1):
    """Views and labels of a few steps, as (steps, batch, …) arrays."""
    rng = np.random.default_rng(seed)
    views = {}
    for name, ratio in method.views.items():
        shape = steps, BATCH * ratio
        if name == "index":
            views[name] = rng.integers(0, EXAMPLES, shape, "int32")
        else:
            points = rng.normal(size=(*shape, FEATURES))
            views[name] = points.astype("float32")
    labels = rng.integers(0, CLASSES, (steps, BATCH))
    return views, labels


def batches(method, steps=4, seed=1):
    """The same as a data set of batches, in a fixed order."""
    return tf.data.Dataset.from_tensor_slices(arrays(method, steps, seed))


def compiled(trainer, optimizer=None, **options):
    trainer.compile(
        optimizer or keras.optimizers.SGD(0.1, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **options,
    )
    return trainer


def weights(model):
    return [np.array(w) for w in model.weights]
