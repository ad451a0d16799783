"""Measures images per second of each corruption, and the time of 95 cells.

    python recipes/benchmarks/corruptions.py

Machine: one core. Result: 9.8 s for 95 cells of 1,000 images (two CPU cores,
2026-11-20).

Synthetic images of CIFAR-10's size, all five severities. The process is pinned
to one core, and the numerical libraries use one thread. "loop" calls `corrupt`
with one image at a time, as a data loader does; "batch" with all images at
once. Both return the same images. The total is printed as time on the clock and
as processor time, which other work on the machine does not increase.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from kconsist.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupt


def pictures(count):
    """Returns smooth colored noise over blocks, uint8 (count, 32, 32, 3)."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (count, 8, 8, 3)).repeat(4, 1).repeat(4, 2)
    noise = rng.normal(0, 12, (count, 32, 32, 3))
    return np.clip(blocks * 0.7 + 40 + noise, 0, 255).astype(np.uint8)


def batch_seconds(images, name):
    """Returns the seconds of five severities of all images at once."""
    start = time.perf_counter()
    for severity in SEVERITIES:
        corrupt(images, name, severity)
    return time.perf_counter() - start


def loop_seconds(images, name):
    """Returns the seconds of five severities, one image at a time."""
    start = time.perf_counter()
    for severity in SEVERITIES:
        for number in range(len(images)):
            corrupt(images[number : number + 1], name, severity, start=number)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--loop-images", type=int, default=20)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.images, args.loop_images = 8, 2
    if hasattr(os, "sched_setaffinity"):  # Linux.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    images = pictures(args.images)
    few = images[: args.loop_images]
    for name in CORRUPTIONS:  # The first call imports, and makes the frost.
        corrupt(images[:1], name, 1)

    print(f"{'images/s':<18} {'batch':>9} {'loop':>9} {'ratio':>6}")
    total, processor = 0.0, 0.0
    for name in CORRUPTIONS:
        before = time.process_time()
        seconds = batch_seconds(images, name)
        processor += time.process_time() - before
        total += seconds
        batch = len(SEVERITIES) * len(images) / seconds
        loop = len(SEVERITIES) * len(few) / loop_seconds(few, name)
        print(f"{name:<18} {batch:9.0f} {loop:9.0f} {batch / loop:6.1f}")
    cells = len(CORRUPTIONS) * len(SEVERITIES)
    print(
        f"{cells} cells of {len(images)} images: {total:.1f} s on one core, "
        f"{processor:.1f} s of it processor time"
    )


if __name__ == "__main__":
    main()
