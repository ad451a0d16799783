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

import argparse
import importlib.util
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _images
import numpy as np

from kconsist import views

WORKER = pathlib.Path(__file__).with_name("_torch_views.py")
KINDS = {"tensor": "torchvision, tensors", "Pillow": "Pillow"}
VIEWS = {
    # torchvision's magnitude 9 of 30.
    "RandAugment": views.RandAugment(2, magnitude=3, fill=None),
    "AugMix": views.AugMix(),
    "SimCLR": views.SimCLRAugment(),
}


class Workers:
    """Processes that apply torchvision's views, one for each core."""

    def __init__(self, images):
        with tempfile.NamedTemporaryFile(suffix=".npy", delete=False) as file:
            np.save(file, images)
        self.path = pathlib.Path(file.name)
        command = [sys.executable, str(WORKER), file.name]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.processes = [
            subprocess.Popen(command, text=True, **pipes)
            for _ in range(os.cpu_count() or 1)
        ]

    def speed(self, form, seconds):
        """Returns the images per second of all processes together."""
        for process in self.processes:
            process.stdin.write(f"{form} {seconds}\n")
            process.stdin.flush()
        return sum(float(p.stdout.readline()) for p in self.processes)

    def close(self):
        """Ends the processes."""
        for process in self.processes:
            process.communicate()
        self.path.unlink()


def measure(images, seconds, rounds):
    """Returns the median images/s of each view, by (view, kind)."""
    pipelines = {
        name: _images.by_batch(view)(images) for name, view in VIEWS.items()
    }
    workers = None
    if importlib.util.find_spec("torchvision"):
        workers = Workers(images.numpy())
    speeds = {}
    for number in range(rounds + 1):  # The first one only warms up.
        for name, dataset in pipelines.items():
            found = {
                "kconsist": _images.images_per_second(
                    dataset, len(images), seconds
                )
            }
            for kind in KINDS if workers else ():
                found[kind] = workers.speed(f"{name}/{kind}", seconds)
            for kind, speed in found.items() if number else ():
                speeds.setdefault((name, kind), []).append(speed)
    if workers:
        workers.close()
    return {key: statistics.median(values) for key, values in speeds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--sides", type=int, nargs="+", default=[32, 224], help="of the images"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.sides, args.seconds, args.rounds = [16], 0.01, 1
    if not importlib.util.find_spec("torchvision"):
        print("torchvision is not installed: its views are left out.")
    for side in args.sides:
        size = 256 if side < 100 else 32
        images, name = _images.read_images(8 if args.smoke else size, side)
        print(f"{side} x {side}, batches of {len(images)} images, {name}")
        medians = measure(images, args.seconds, args.rounds)
        for (view, kind), speed in medians.items():
            line = f"  {view:12} {KINDS.get(kind, kind):21} {speed:9,.0f}"
            line += " images/s"
            if kind in KINDS:
                ratio = medians[view, "kconsist"] / speed
                line += f", kconsist / this: {ratio:.2f}"
            print(line)


if __name__ == "__main__":
    main()
