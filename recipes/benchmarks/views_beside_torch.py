"""Compares the speed of views with torchvision's and Pillow's.

    pip install -e .[cpu,recipes,benchmarks]
    python recipes/benchmarks/views_beside_torch.py

Where torchvision is not installed, kconsist's views are measured on their own.

Both run on all cores, in turns. kconsist's views map batches in `tf.data`.
torchvision's transforms v2 are applied to single images, uint8 tensors or
Pillow images, by as many processes as there are cores, each of one thread. So
are the workers of a `DataLoader`; its copies of batches are left out. AugMix in
Pillow is the paper's algorithm with Pillow's operations and NumPy's sums. The
operations and probabilities are the same, magnitudes nearly so. The figures
are medians over rounds.
"""

import contextlib
import importlib.util
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _images
import _worker

from kconsist import views

KINDS = {"tensor": "torchvision, tensors", "Pillow": "Pillow"}
VIEWS = {
    # torchvision's magnitude 9 of 30.
    "RandAugment": views.RandAugment(2, magnitude=3, fill=None),
    "AugMix": views.AugMix(),
    "SimCLR": views.SimCLRAugment(),
}


def speed(workers, form, seconds):
    """Returns the images per second of all processes together."""
    for worker in workers:
        worker.start("speed", form, seconds)
    return sum(worker.result("speed") for worker in workers)


def measure(images, seconds, rounds, workers):
    """Returns the median images/s of each view, by (view, kind)."""
    pipelines = {
        name: _images.by_batch(view)(images) for name, view in VIEWS.items()
    }
    for worker in workers:
        worker.call("load", images.numpy())
    speeds = {}
    for number in range(rounds + 1):  # The first one only warms up.
        for name, dataset in pipelines.items():
            found = {
                "kconsist": _images.images_per_second(
                    dataset, len(images), seconds
                )
            }
            for kind in KINDS if workers else ():
                found[kind] = speed(workers, f"{name}/{kind}", seconds)
            for kind, value in found.items() if number else ():
                speeds.setdefault((name, kind), []).append(value)
    return {key: statistics.median(values) for key, values in speeds.items()}


def print_speeds(medians):
    for (view, kind), speed in medians.items():
        line = f"  {view:12} {KINDS.get(kind, kind):21} {speed:9,.0f} images/s"
        if kind in KINDS:
            ratio = medians[view, "kconsist"] / speed
            line += f", kconsist / this: {ratio:.2f}"
        print(line)


def main():
    args = _images.parse(__doc__, rounds=5)
    has_torch = importlib.util.find_spec("torchvision") is not None
    if not has_torch:
        print("torchvision is not installed: its views are left out.")
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(_worker.Worker("_torch_views.py"))
            for _ in range(os.cpu_count() or 1 if has_torch else 0)
        ]
        for images in _images.batches(args):
            print_speeds(measure(images, args.seconds, args.rounds, workers))


if __name__ == "__main__":
    main()
