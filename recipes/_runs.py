"""A recipe's run: its flags, its folder, its end, its table."""

import argparse
import json
import os
import pathlib
import shutil
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from kconsist import distribute

# Flags that may differ between a run and the one that goes on with it.
FREE = {
    "out",
    "resume",
    "data_dir",
    "tpu",
    "seeds",
    "only",
    "started",
    "scratch",
}


def parser(description: str, name: str) -> argparse.ArgumentParser:
    """Returns a parser with the flags that every recipe has."""
    found = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    found.add_argument(
        "--smoke", action="store_true", help="a few steps, to see that it runs"
    )
    found.add_argument("--seed", type=int, default=0, help="first seed")
    found.add_argument(
        "--out", default=f"runs/{name}", help="folder of the results"
    )
    found.add_argument(
        "--strategy",
        choices=distribute.STRATEGIES,
        default="auto",
        help="replicas; batch sizes are global",
    )
    found.add_argument("--tpu", help="name of the TPU, or local")
    return found


def start(args: argparse.Namespace) -> pathlib.Path:
    """Enters the strategy's scope, and makes the folder of the run.

    The chief writes its settings and results there; what other workers write
    goes to a folder that is deleted.
    """
    strategy = distribute.strategy(args.strategy, args.tpu)
    if strategy.num_replicas_in_sync > 1:
        tf.distribute.experimental_set_strategy(strategy)
    if isinstance(strategy, tf.distribute.TPUStrategy):
        keras.config.set_dtype_policy("mixed_bfloat16")
    if getattr(args, "deterministic", False):
        tf.config.experimental.enable_op_determinism()
    folder = pathlib.Path(args.out)
    if distribute.is_chief():
        folder.mkdir(parents=True, exist_ok=True)
        _check_unfinished(args, folder)
    else:
        args.scratch = tempfile.TemporaryDirectory()
        folder = pathlib.Path(args.scratch.name)
    write_json(folder / "settings.json", vars(args))
    args.started = time.monotonic()
    return folder


def _check_unfinished(args, folder):
    """Stops where a run would begin anew that could go on, or has ended."""
    resume = getattr(args, "resume", False)
    unfinished = (folder / "checkpoints").exists()
    if unfinished and not resume:
        raise SystemExit(
            f"{folder} holds a run that has not ended: --resume goes on with "
            "it; give another --out, or delete the folder, for a new one"
        )
    settings = folder / "settings.json"
    if unfinished or not resume or not (folder / "results.json").exists():
        return
    # As JSON, in which the file has them.
    same = json.loads(json.dumps(vars(args), default=str))
    if bound(json.loads(settings.read_text())) == bound(same):
        raise SystemExit(
            f"{folder} holds this run, and it has ended: leave --resume out "
            "for a new one"
        )


def bound(settings: dict) -> dict:
    """Returns the flags that must be the same for a run to go on."""
    return {k: v for k, v in settings.items() if k not in FREE}


def finish(args: argparse.Namespace, folder: pathlib.Path, results) -> None:
    """Writes the results, says where they are, and drops the checkpoints."""
    seconds = round(time.monotonic() - args.started, 1)
    write_json(
        folder / "results.json", {"seconds": seconds, "results": results}
    )
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    print(f"{seconds:.0f} s; results in {folder}/")


def write_json(path: pathlib.Path, value) -> None:
    """Writes a value as readable JSON."""
    path.write_text(json.dumps(value, indent=2, default=str) + "\n")


def table(rows: list[dict]) -> str:
    """Returns rows of equal keys as a Markdown table."""
    heads = list(rows[0])
    cells = [heads, ["---"] * len(heads)]
    cells += [[_text(row[head]) for head in heads] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        + " |"
        for row in cells
    )


def with_mean(rows: list[dict]) -> list[dict]:
    """Returns rows of a seed each, and a last one of their means."""
    (seed, *names) = rows[0]
    means = {
        name: float(np.mean([row[name] for row in rows])) for name in names
    }
    return [*rows, {seed: "mean", **means}]


def turned(rows: list[dict]) -> list[dict]:
    """Returns a row for each column but the first, whose values are heads."""
    (first, *names) = rows[0]
    return [
        {"": name} | {f"{first} {row[first]}": row[name] for row in rows}
        for name in names
    ]


def _text(value):
    return f"{value:.1f}" if isinstance(value, float) else str(value)
