"""Compares a training step of `fit` with PyTorch's and a hand-written one.

    pip install -e .[cpu,benchmarks]
    python recipes/benchmarks/train_step.py

Machine: two CPU cores, no GPU. Result: see docs/results.md.

One step of FixMatch on 32 labeled images and 128 unlabeled ones in two views,
32x32, in one forward pass, with SGD and an average; on four wide residual
networks. Then a step of Mean Teacher on the same batch, and one of SimCLR on
128 images in two views. "kconsist" is `fit`, checks, metrics and logs included.
"Keras's batch normalization" is the same `fit` with `fused_batch_norm=False`.
"by hand" is a `tf.function` of the same passes, optimizer and average alone, on
Keras's layers. "PyTorch" is the same step in the faster of its two memory
layouts; that it computes the same is checked first. Its columns need torch.

Each turn makes one step that is not measured, and `--steps` that are. The
figures are medians over all turns of one run, in milliseconds a step.
"""

import argparse
import collections
import importlib.util
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _equality
import _kconsist_steps
import _worker
import keras
import numpy as np

from kconsist import models

METHODS = "FixMatch", "MeanTeacher", "SimCLR"
NETWORKS = (10, 1), (10, 2), (16, 2), (28, 2)
LAYOUTS = "channels_first", "channels_last"
# Columns, and what each adds to the trainer's arguments.
VARIANTS = {
    "kconsist": {},
    "Keras's batch normalization": {"fused_batch_norm": False},
}


def rows(args):
    """Returns the pairs of method and network to measure."""
    if args.depth or args.width or args.smoke:
        network = args.depth or 10, args.width or 1
        return [(method, network) for method in METHODS]
    fixmatch = [("FixMatch", network) for network in NETWORKS]
    return [*fixmatch, ("MeanTeacher", (10, 2)), ("SimCLR", (10, 2))]


def random_batch(method, args):
    """Returns a batch of random images, `({view: images}, labels)`."""
    rng = np.random.default_rng(0)
    sizes = {"first": args.unlabeled, "second": args.unlabeled}
    if method != "SimCLR":
        unlabeled = {"weak": args.unlabeled, "strong": args.unlabeled}
        sizes = {"labeled": args.labeled, **unlabeled}
    views = {
        name: rng.integers(0, 256, (size, 32, 32, 3), "uint8")
        for name, size in sizes.items()
    }
    return views, rng.integers(0, 10, next(iter(sizes.values())))


def student(network):
    keras.utils.set_random_seed(0)
    return models.WideResNet(*network)


def check(worker, method, network, batch):
    """Raises `AssertionError` unless PyTorch makes the same step."""
    model, settings = student(network), dict(_kconsist_steps.SETTINGS[method])
    if method == "FixMatch":
        # Values that show a difference: half of the images, half of the weight.
        settings["threshold"] = _equality.median_confidence(model, batch[0])
        settings["decay"] = 0.5
    trainer = _kconsist_steps.trainer(method, model, settings)
    weights = _equality.weights(trainer)
    results = _equality.first_step(trainer, batch)
    for layout in LAYOUTS:
        worker.call("make", method, network, layout, settings, weights, batch)
        others = worker.call("first_step", layout)
        _equality.assert_same(f"{method}, {layout}", results, others)


def by_torch(worker, method, network, batch, steps):
    """Returns PyTorch's faster layout, and a function that times its steps."""
    settings = _kconsist_steps.SETTINGS[method]
    trainer = _kconsist_steps.trainer(method, student(network), settings)
    weights = _equality.weights(trainer)
    medians = {}
    for layout in LAYOUTS:
        worker.call("make", method, network, layout, settings, weights, batch)
        seconds = worker.call("seconds", layout, steps)
        medians[layout] = statistics.median(seconds)
    layout = min(medians, key=medians.get)
    return layout, lambda steps: worker.call("seconds", layout, steps)


def measure(method, network, args, worker):
    """Returns the median milliseconds of a step by name, and the layout."""
    batch, settings = random_batch(method, args), _kconsist_steps.SETTINGS
    turns = {}
    for name, kwargs in VARIANTS.items():
        trainer = _kconsist_steps.trainer(
            method, student(network), settings[method], **kwargs
        )
        turns[name] = _kconsist_steps.by_fit(trainer, batch)
    if method == "FixMatch":
        turns["by hand"] = _kconsist_steps.by_hand(student(network), batch)
    for run in turns.values():
        run(1)  # Traces.
    layout = None
    if worker is not None:
        check(worker, method, network, batch)
        layout, turns["PyTorch"] = by_torch(
            worker, method, network, batch, args.steps
        )
    times = collections.defaultdict(list)
    for _ in range(args.rounds):
        for name, run in turns.items():
            times[name].extend(run(args.steps))
    medians = {n: 1e3 * statistics.median(times[n]) for n in times}
    return medians, layout


def print_row(cells):
    print(f"| {' | '.join(cells)} |", flush=True)


def print_table(args, worker):
    """Measures every row, and prints it."""
    names = [*VARIANTS, "by hand"]
    ratio = (
        [] if worker is None else ["PyTorch", "layout", "PyTorch / kconsist"]
    )
    header = ["step", *names, *ratio]
    print_row(header)
    print_row(["---"] * len(header))
    for method, network in rows(args):
        medians, layout = measure(method, network, args, worker)
        cells = [f"{medians[n]:,.0f}" if n in medians else "" for n in names]
        if worker is not None:
            seconds = medians["PyTorch"]
            ratio = f"{seconds / medians['kconsist']:.2f}"
            cells += [f"{seconds:,.0f}", layout, ratio]
        print_row([f"{method}, WRN-{network[0]}-{network[1]}", *cells])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labeled", type=int, default=32)
    parser.add_argument("--unlabeled", type=int, default=128)
    parser.add_argument("--depth", type=int, help="of the only network")
    parser.add_argument("--width", type=int, help="of the only network")
    parser.add_argument("--steps", type=int, default=4, help="of a turn")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.labeled, args.unlabeled, args.steps, args.rounds = 4, 8, 1, 1
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: its columns are left out.")
        print_table(args, worker=None)
        return
    with _worker.Worker("_torch_worker.py") as worker:
        print_table(args, worker)


if __name__ == "__main__":
    main()
