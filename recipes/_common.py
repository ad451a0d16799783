"""What the recipes share: a folder for each run, settings, a summary table."""

import argparse
import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


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
    return found


def start(args: argparse.Namespace) -> pathlib.Path:
    """Makes the folder of a run and writes its settings there."""
    folder = pathlib.Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "settings.json", vars(args))
    args.started = time.monotonic()
    return folder


def finish(args: argparse.Namespace, folder: pathlib.Path, results) -> None:
    """Writes the results and says where they are."""
    seconds = round(time.monotonic() - args.started, 1)
    write_json(
        folder / "results.json", {"seconds": seconds, "results": results}
    )
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


def _text(value):
    return f"{value:.1f}" if isinstance(value, float) else str(value)
