"""A recipe's run: its flags, its folder, its checkpoints and its tables."""

import argparse
import json
import os
import pathlib
import re
import shutil
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from kconsist import callbacks, data, distribute

STEPS_TO_CHECKPOINT = 100

# Flags that a resumed run may change.
FREE = ("out", "resume", "data_dir", "tpu", "seeds", "only")


def parser(doc: str, name: str) -> argparse.ArgumentParser:
    """Returns a parser with the flags of every recipe.

    Args:
        doc: the recipe's docstring, whose first line describes it.
        name: folder of its results under `runs/`.
    """
    flags = argparse.ArgumentParser(
        description=doc.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = flags.add_argument
    add("--smoke", action="store_true", help="a few steps, to see that it runs")
    add("--seed", type=int, default=0, help="first seed")
    add("--out", default=f"runs/{name}", help="folder of the results")
    add(
        "--strategy",
        choices=distribute.STRATEGIES,
        default="auto",
        help="replicas; batch sizes are global",
    )
    add("--tpu", help="name of the TPU, or local")
    return flags


def parse(flags: argparse.ArgumentParser, **smoke) -> argparse.Namespace:
    """Parses the command line; `smoke` are the defaults with `--smoke`."""
    if flags.parse_args().smoke:
        flags.set_defaults(**smoke)
    return flags.parse_args()


class Run:
    """A recipe's run: its strategy, folder, data, checkpoints and results.

    Making one sets the strategy for all that follows. The chief writes to
    `args.out`; the files of other workers go to a temporary folder.

    Args:
        args: the recipe's flags; they are not changed.
        free: flags that a resumed run may change, beside `FREE`. Defaults to
            `()`.
    """

    def __init__(self, args: argparse.Namespace, free=()):
        self.args, self._free = args, (*FREE, *free)
        strategy = distribute.strategy(args.strategy, args.tpu)
        if strategy.num_replicas_in_sync > 1:
            tf.distribute.experimental_set_strategy(strategy)
        if isinstance(strategy, tf.distribute.TPUStrategy):
            keras.config.set_dtype_policy("mixed_bfloat16")
        if getattr(args, "deterministic", False):
            tf.config.experimental.enable_op_determinism()
        self.folder = pathlib.Path(args.out)
        if distribute.is_chief():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._check_unfinished()
        else:
            self._scratch = tempfile.TemporaryDirectory()
            self.folder = pathlib.Path(self._scratch.name)
        self.write("settings.json", vars(args))
        self._digest = None
        self._start = time.monotonic()

    def _check_unfinished(self):
        """Stops before an unfinished or a finished run is overwritten."""
        resume = getattr(self.args, "resume", False)
        unfinished = (self.folder / "checkpoints").exists()
        if unfinished and not resume:
            raise SystemExit(
                f"{self.folder} holds an unfinished run: give --resume to "
                "resume it; for a new run give another --out, or delete the "
                "folder"
            )
        if unfinished or not resume or not self._has_results():
            return
        kept = json.loads((self.folder / "settings.json").read_text())
        # As JSON, in which the file has them.
        new = json.loads(json.dumps(vars(self.args), default=str))
        if self._bound(kept) == self._bound(new):
            raise SystemExit(
                f"{self.folder} holds this run, and it is finished: leave out "
                "--resume for a new run"
            )

    def _has_results(self):
        return (self.folder / "results.json").exists()

    def _bound(self, settings):
        return {k: v for k, v in settings.items() if k not in self._free}

    def load_data(self):
        """Returns the training and the test examples."""
        side = self.args.image_size
        train, test = data.load(
            self.args.dataset,
            data_dir=self.args.data_dir,
            image_size=(side, side) if side else None,
        )
        self._digest = data.digest(train.images, train.labels)
        return train, test

    def resume(self, title: str, others=()) -> callbacks.Resume:
        """Returns the callback that checkpoints a `fit` and resumes it.

        Args:
            title: names the checkpoints; no other `fit` of the run has it.
            others: callbacks whose state is kept too. Defaults to `()`.
        """
        print(f"\n{title}", flush=True)
        name = re.sub("[^a-z0-9]+", "_", title.lower())
        return callbacks.Resume(
            pathlib.Path(self.args.out) / "checkpoints" / name,
            settings=self._bound(vars(self.args) | {"data": self._digest}),
            callbacks=others,
            every=STEPS_TO_CHECKPOINT,
        )

    def write(self, name: str, value) -> None:
        """Writes a value as readable JSON to a file of the folder."""
        text = json.dumps(value, indent=2, default=str)
        (self.folder / name).write_text(text + "\n")

    def finish(self, rows: list[dict], transposed: bool = False) -> None:
        """Prints and writes the results; deletes the checkpoints.

        Args:
            rows: dicts with the same keys.
            transposed: whether to print the rows as columns. Defaults to
                `False`.
        """
        print("\n" + table(transpose(rows) if transposed else rows))
        seconds = round(time.monotonic() - self._start, 1)
        self.write("results.json", {"seconds": seconds, "results": rows})
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        print(f"{seconds:.0f} s; results in {self.folder}/")


def run(main) -> None:
    """Runs a recipe; Ctrl-C ends it with a message, not with a traceback."""
    try:
        main()
    except KeyboardInterrupt as stop:
        raise SystemExit(f"\n{stop}, with --resume") from None


def table(rows: list[dict]) -> str:
    """Returns rows with the same keys as a Markdown table."""
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


def _text(value):
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def summarize(rows: list[dict], **functions) -> list[dict]:
    """Returns the rows, one for each seed, and rows that summarize them.

    Args:
        rows: dicts with the same keys, of which the first names the row.
        **functions: name of a row, and function of a column's values. Defaults
            to `mean=np.mean`.
    """
    (seed, *names) = rows[0]
    summaries = [
        {seed: title}
        | {name: float(function([row[name] for row in rows])) for name in names}
        for title, function in (functions or {"mean": np.mean}).items()
    ]
    return [*rows, *summaries]


def transpose(rows: list[dict]) -> list[dict]:
    """Returns a row for each column but the first, which names the columns."""
    (first, *names) = rows[0]
    return [
        {"": name} | {f"{first} {row[first]}": row[name] for row in rows}
        for name in names
    ]
