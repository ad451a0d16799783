"""Images a second of one replica, two replicas and two worker processes.

    python recipes/benchmarks/scaling.py

FixMatch with an average, WRN-10-1, 32 labeled and 96 unlabeled images a step in
all, however many replicas share them. Each way is a process of its own, the
workers two, that waits for its turn; the figures are ratios of median times.

On a CPU one replica already computes on all cores, so two of them on the same
cores can gain little: what is measured is what sharing a step costs. On two
cores, 2026-11-20: one replica 649 images/s, two replicas 1.10 times the time of
a step, two processes 1.22.
"""

import argparse
import json
import os
import socket
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _turns

WAYS = {
    "one replica": "none",
    "two replicas": "mirrored",
    "two processes": "multiworker",
}
LABELED, UNLABELED = 32, 96


def serve(args):
    """Trains for a round whenever a line comes in, until there are no more."""
    import keras
    import tensorflow as tf

    from kconsist import FixMatch, distribute, models

    if args.strategy == "mirrored":
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * 2,
        )
    with distribute.strategy(args.strategy).scope():
        keras.utils.set_random_seed(0)
        trainer = FixMatch(models.WideResNet(10, 1), ema_decay=0.999)
        trainer.compile(
            keras.optimizers.SGD(0.03, momentum=0.9, nesterov=True),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
    dataset = batches().repeat(args.steps)
    for _ in sys.stdin:
        trainer.fit(dataset, verbose=0)
        print("done", flush=True)


def batches():
    """One batch of random images."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    views = {
        name: rng.integers(0, 256, (size, 32, 32, 3), "uint8")
        for name, size in (
            ("labeled", LABELED),
            ("weak", UNLABELED),
            ("strong", UNLABELED),
        )
    }
    labels = rng.integers(0, 10, LABELED)
    return tf.data.Dataset.from_tensors((views, labels)).cache()


def start(strategy, steps):
    """Starts the process of a way, or the two of the workers."""
    environments = [{}]
    if strategy == "multiworker":
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        hosts = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
        for one in sockets:
            one.close()
        tasks = [{"type": "worker", "index": index} for index in range(2)]
        environments = [
            {
                "TF_CONFIG": json.dumps(
                    {"cluster": {"worker": hosts}, "task": task}
                )
            }
            for task in tasks
        ]
    command = [sys.executable, __file__, "--strategy", strategy]
    return [
        subprocess.Popen(
            [*command, "--steps", str(steps)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        for environment in environments
    ]


def turn(processes):
    """Lets processes train for a round, together."""
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        if process.stdout.readline() != "done\n":
            raise SystemExit("a process ended before its turn did")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=20, help="a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smoke", action="store_true")
    # What the processes of the ways are started with.
    parser.add_argument("--strategy", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.smoke:
        args.steps, args.rounds = 2, 1
    if args.strategy:
        return serve(args)
    ways = {way: start(name, args.steps) for way, name in WAYS.items()}
    try:
        turns = {way: lambda run=run: turn(run) for way, run in ways.items()}
        _turns.median_seconds(turns, 1)  # Traces.
        medians = _turns.median_seconds(turns, args.rounds)
    finally:
        for process in sum(ways.values(), []):
            process.kill()
            process.wait()
    alone = medians["one replica"]
    for way, seconds in medians.items():
        rate = args.steps * (LABELED + UNLABELED) / seconds
        print(
            f"{way}: {rate:.0f} images/s, {1e3 * seconds / args.steps:.1f} ms "
            f"a step, ratio: {seconds / alone:.3f}"
        )


if __name__ == "__main__":
    main()
