"""Compares one replica with two replicas and with two worker processes.

    python recipes/benchmarks/scaling.py

Machine: two CPU cores, no GPU. Result: 649 images/s on one replica; a step
takes 1.10 times as long on two replicas, 1.22 times in two processes (commit
0602f69).

FixMatch with an averaged network, WRN-10-1, 32 labeled and 96 unlabeled images
in a step of all replicas. Each configuration runs in its own process, the
workers in two, and trains in turns with the others; the figures are ratios of
median times. One replica already computes on all cores, so two replicas on the
same cores cannot be much faster: the figures are the overhead of distribution.
"""

import argparse
import json
import os
import socket
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _turns

CONFIGURATIONS = {
    "one replica": "none",
    "two replicas": "mirrored",
    "two processes": "multiworker",
}
LABELED, UNLABELED = 32, 96


def serve(args):
    """Trains for a round for each line of the standard input."""
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
    """Returns a dataset of one batch of random images."""
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
    """Starts the process of a configuration, or the two workers."""
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
    """Trains for a round in all processes of a configuration."""
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        if process.stdout.readline() != "done\n":
            raise SystemExit("a process ended before its turn did")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=20, help="of a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smoke", action="store_true")
    # Set for the processes that this one starts.
    parser.add_argument("--strategy", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.smoke:
        args.steps, args.rounds = 2, 1
    if args.strategy:
        return serve(args)
    processes = {
        name: start(strategy, args.steps)
        for name, strategy in CONFIGURATIONS.items()
    }
    try:
        turns = {
            name: lambda own=own: turn(own) for name, own in processes.items()
        }
        _turns.median_seconds(turns, 1)  # Traces.
        medians = _turns.median_seconds(turns, args.rounds)
    finally:
        for process in sum(processes.values(), []):
            process.kill()
            process.wait()
    one = medians["one replica"]
    for name, seconds in medians.items():
        rate = args.steps * (LABELED + UNLABELED) / seconds
        print(
            f"{name}: {rate:.0f} images/s, {1e3 * seconds / args.steps:.1f} ms "
            f"a step, ratio: {seconds / one:.3f}"
        )


if __name__ == "__main__":
    main()
