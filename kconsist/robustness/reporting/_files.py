"""Reads and writes the files of a report.

In the JSON file, the metadata is named `about`. The array `correct` is in a
file next to it, `report.hits.npy` for `report.json`; the JSON file has its
digest as `hits`.
"""

import io
import json
import os
import pathlib

import numpy as np

from kconsist.data import digest


def write_file(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file atomically; creates its folder if necessary."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def write_report(path: str | os.PathLike, report) -> None:
    """Writes a report as JSON, and `correct` next to it."""
    path = pathlib.Path(path)
    content = {
        "model": report.model,
        "about": report.metadata,
        "summaries": report.summaries,
        "rows": report.rows,
        "hits": None,
    }
    if report.correct is not None:
        content["hits"] = _write_correct(path, report.correct)
    write_file(path, (json.dumps(content, indent=2) + "\n").encode())


def read_report(path: str | os.PathLike) -> dict:
    """Returns the fields of a report that `write_report` wrote.

    Raises:
        ValueError: a file in another format, or `correct` of another report.
    """
    path = pathlib.Path(path)
    try:
        content = json.loads(path.read_text())
        digest_of_correct = content["hits"]
        fields = {
            "model": content["model"],
            "rows": content["rows"],
            "metadata": content["about"],
        }
        if [type(x) for x in fields.values()] != [str, list, dict]:
            raise TypeError("model, rows or about has a wrong type")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must be a report that to_json wrote, got another file: "
            f"{error!r}"
        ) from error
    correct = None
    if digest_of_correct is not None:
        correct = _read_correct(path, digest_of_correct)
    return {**fields, "correct": correct}


def _write_correct(report_path, correct):
    """Writes `correct` next to a report, and returns its digest."""
    buffer = io.BytesIO()
    np.save(buffer, correct, allow_pickle=False)
    write_file(_correct_file(report_path), buffer.getvalue())
    return digest(correct)


def _read_correct(report_path, expected_digest):
    """Returns `correct`, or `None` if its file does not exist."""
    path = _correct_file(report_path)
    if not path.exists():
        return None
    try:
        correct = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"{path} must be the complete file that to_json wrote, got: {error}"
        ) from error
    if digest(correct) != expected_digest:
        raise ValueError(f"{path} belongs to another report")
    return correct


def _correct_file(path):
    """Returns the file next to a report: `a.hits.npy` for `a.json`."""
    return path.with_name(f"{path.name.removesuffix('.json')}.hits.npy")
