"""What does a teacher add to augmentation? The same budget for every row.

    python recipes/what_the_teacher_adds.py --dataset cifar10

For each number of labels trains, on the same number of images: a teacher on
flips and crops; the network on RandAugment alone, without a teacher; a student
in the published form (T 10, no T²); a student with T²; and variants. With
fewer than all labels the students take the rest as unlabeled images. Finished
rows are kept in results.json, and a second run goes on after them.
"""

import json

import _common
import keras
import numpy as np
import tensorflow as tf

from kconsist import SelfTrainer, callbacks, data, models, views

BATCH = 128
LABELED = 32  # of a batch with unlabeled images
WEAK = views.FlipCrop()
STRONG = views.Compose([views.FlipCrop(), views.RandAugment(), views.Cutout()])

# Each student: which network teaches it, and how.
STUDENTS = {
    "student, published form (T 10, no T²)": dict(
        temperature=10.0, temperature_squared=False
    ),
    "student, T 10 with T²": dict(temperature=10.0),
    "student, T 1": dict(temperature=1.0),
    "student, hard targets": dict(hard_targets=True),
    "student of the RandAugment network, T 1": dict(teacher="augmented"),
    "student of the RandAugment network, hard targets": dict(
        teacher="augmented", hard_targets=True
    ),
    "student of the RandAugment network, started from it": dict(
        teacher="augmented", started=True
    ),
}
DEFAULT = list(STUDENTS)


class Study:
    """One draw of the labels: networks of equal size, equally long trained."""

    def __init__(self, train, test, labels, seed, args):
        self.train, self.test, self.args, self.seed = train, test, args, seed
        self.labeled, self.unlabeled = train, None
        if labels:
            chosen, rest = data.split_labels(
                train.labels, per_class=labels // train.num_classes, seed=seed
            )
            self.labeled = (train.images[chosen], train.labels[chosen])
            self.unlabeled = train.images[rest]

    def network(self):
        """Draws a network, the same one for every row of a seed."""
        keras.utils.set_random_seed(self.seed)
        return models.WideResNet(
            self.args.depth,
            self.args.width,
            self.train.num_classes,
            self.train.images.shape[1:],
            weight_decay=5e-4,
        )

    def compile(self, model):
        """Compiles with Adam, whose rate falls to 0 along a cosine."""
        steps = self.args.steps
        rate = keras.optimizers.schedules.CosineDecay(
            self.args.learning_rate, steps
        )
        model.compile(
            keras.optimizers.Adam(rate),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    def alone(self, view):
        """Trains on the labels alone, seen through one view."""
        model = self.network()
        self.compile(model)
        batches = data.labeled_views(
            self.labeled,
            view=view,
            batch_size=BATCH,
            steps=self.args.steps,
            seed=self.seed,
        )
        self.fit(model, batches, batches)
        return model

    def fit(self, model, batches, images):
        """Trains to the mean of the weights at eight points of the end."""
        parts = 32
        averaging = callbacks.StochasticWeightAveraging(
            start_epoch=parts - 8, batch_norm_data=images, batch_norm_steps=50
        )
        model.fit(
            batches.repeat(),
            epochs=parts,
            steps_per_epoch=self.args.steps // parts,
            callbacks=[averaging],
            verbose=0,
        )

    def student(self, teacher, started=False, **options):
        """Trains on the labels and on a teacher's answers."""
        model = self.network()
        if started:
            model.set_weights(teacher.get_weights())
        trainer = SelfTrainer(model, teacher, **options)
        self.compile(trainer)
        sizes = dict(batch_size=BATCH)
        if self.unlabeled is not None:
            sizes = dict(
                batch_size=LABELED,
                unlabeled=self.unlabeled,
                unlabeled_ratio=BATCH // LABELED - 1,
            )
        pairs = data.clean_noisy(
            self.labeled,
            clean=WEAK,
            noisy=STRONG,
            seed=self.seed,
            steps=self.args.steps,
            **sizes,
        )
        self.fit(trainer, pairs, pairs.map(all_noisy))
        return model

    def accuracy(self, model):
        """Returns the accuracy on the test images, in percent."""
        logits = model.predict(self.test.images, batch_size=500, verbose=0)
        return 100 * float(np.mean(logits.argmax(-1) == self.test.labels))


def all_noisy(batch, labels):
    """Returns the images that a student is trained on."""
    noisy = [batch[name] for name in sorted(batch) if "noisy" in name]
    return tf.concat(noisy, 0), labels


def main():
    parser = _common.parser(__doc__.split("\n")[0], "what_the_teacher_adds")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--labels", type=int, nargs="+", default=[0, 4000])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--width", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--only", nargs="+", default=DEFAULT)
    args = parser.parse_args()
    folder = _common.start(args)
    kept = folder / "rows.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    train, test = data.load(args.dataset)
    for labels in args.labels:
        for seed in range(args.seed, args.seed + args.seeds):
            study = Study(train, test, labels, seed, args)
            run(study, labels, rows, kept)
    _common.finish(args, folder, rows)


def run(study, labels, rows, kept):
    """Trains every network of one draw."""

    def record(name, model):
        key = f"{labels or 'all'} labels | {name} | seed {study.seed}"
        rows[key] = study.accuracy(model)
        print(f"{rows[key]:5.1f}  {key}", flush=True)
        _common.write_json(kept, rows)

    clean = study.alone(WEAK)
    record("teacher, flips and crops", clean)
    augmented = study.alone(STRONG)
    record("RandAugment alone", augmented)
    for name in study.args.only:
        options = dict(STUDENTS[name])
        which = options.pop("teacher", "clean")
        teacher = augmented if which == "augmented" else clean
        record(name, study.student(teacher, **options))


if __name__ == "__main__":
    main()
