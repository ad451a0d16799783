"""Two half-moons, six labels: what consistency training adds.

    python recipes/half_moons.py
    python recipes/half_moons.py --method vat

Trains a small network on six labeled points alone, and again with consistency.
The Π-model asks for the same answer wherever a point is jittered to inside a
disc, VAT in the worst direction within a shorter distance. Neither reaches
across the gap between the moons; that zone of invariance is the supervision.
Writes the decision boundaries as a picture.
"""

import _runs
import keras
import matplotlib
import numpy as np

from kconsist import VAT, PiModel, data, models, views

POINTS = 1000
NOISE = 0.06
LABELS_PER_MOON = 3


def make_student(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return models.MLP(num_classes=2)


def batches(train, labeled, view, steps, seed):
    """Full batches: every point in two views beside the labels."""
    repeated = 8  # 1,000 unlabeled points are 125 times as many.
    return data.semi_supervised(
        (train.images[labeled], train.labels[labeled]),
        train.images,
        weak=view,
        strong=view,
        labeled_view=views.Identity(),
        batch_size=repeated,
        unlabeled_ratio=len(train.images) // repeated,
        steps=steps,
        seed=seed,
    )


def fit(student, train, labeled, weight, args, seed):
    """Trains with a weight of the consistency term; 0 is supervised alone."""
    if args.method == "vat":
        view = views.Identity()  # It makes the second view itself.
        trainer = VAT(student, args.epsilon, consistency_weight=weight)
    else:
        view = views.Jitter(radius=args.radius)
        trainer = PiModel(student, consistency_weight=weight, distance="kl")
    trainer.compile(
        keras.optimizers.Adam(args.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=min(args.steps, 50),
    )
    trainer.fit(batches(train, labeled, view, args.steps, seed), verbose=2)
    return trainer


def accuracy(trainer, examples) -> float:
    """Returns the accuracy in percent."""
    scores = trainer.evaluate(*examples, verbose=0, return_dict=True)
    return 100 * scores["accuracy"]


def draw(path, panels, train, labeled):
    """Draws each network's answers over the plane, with points and labels."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    colors = ["tab:blue", "tab:orange"]
    x, y = np.meshgrid(np.linspace(-1.5, 2.5, 200), np.linspace(-1, 1.5, 125))
    plane = np.stack([x.ravel(), y.ravel()], 1).astype("float32")
    figure, axes = plt.subplots(1, len(panels), figsize=(10, 3.6), sharey=True)
    for axis, (title, model) in zip(axes, panels.items(), strict=True):
        logits = model.predict(plane, batch_size=5000, verbose=0)
        margin = (logits[:, 1] - logits[:, 0]).reshape(x.shape)
        answer = 1 / (1 + np.exp(-margin))
        axis.contourf(x, y, answer, 20, cmap="PuOr_r", alpha=0.6)
        axis.contour(x, y, answer, [0.5], colors="black", linewidths=1.5)
        axis.scatter(*train.images.T, s=4, c="gray", alpha=0.6)
        for label, color in enumerate(colors):
            chosen = labeled[train.labels[labeled] == label]
            axis.scatter(
                *train.images[chosen].T, s=90, c=color, edgecolors="black"
            )
        axis.set(title=title, xticks=[], yticks=[])
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = _runs.parser(__doc__.split("\n")[0], "half_moons")
    parser.add_argument("--draws", type=int, default=5, help="draws of labels")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument(
        "--method", choices=("pi_model", "vat"), default="pi_model"
    )
    parser.add_argument(
        "--radius", type=float, default=0.25, help="of pi_model's disc"
    )
    parser.add_argument(
        "--epsilon", type=float, default=0.2, help="vat's distance"
    )
    parser.add_argument("--weight", type=float, default=10.0)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    args = parser.parse_args()
    if args.smoke:
        args.draws, args.steps = 1, 50
    folder = _runs.start(args)

    rows = []
    for seed in range(args.seed, args.seed + args.draws):
        train, test = data.load(
            "moons", num_examples=POINTS, noise=NOISE, seed=seed
        )
        labeled, _ = data.split_labels(
            train.labels, per_class=LABELS_PER_MOON, seed=seed
        )
        alone = fit(make_student(seed), train, labeled, 0.0, args, seed)
        both = fit(make_student(seed), train, labeled, args.weight, args, seed)
        rows.append(
            {
                "draw": str(seed),
                "six labels alone": accuracy(alone, test),
                "with consistency": accuracy(both, test),
            }
        )
        if seed == args.seed:
            draw(
                folder / "boundaries.png",
                {
                    f"{name}: {rows[0][name]:.1f} %": trainer.student
                    for name, trainer in zip(
                        list(rows[0])[1:], [alone, both], strict=True
                    )
                },
                train,
                labeled,
            )
    results = list(rows)
    for name, summary in {"mean": np.mean, "worst": np.min}.items():
        results.append(
            {"draw": name}
            | {
                k: float(summary([r[k] for r in rows]))
                for k in list(rows[0])[1:]
            }
        )
    print(_runs.table(results))
    _runs.finish(args, folder, results)


if __name__ == "__main__":
    main()
