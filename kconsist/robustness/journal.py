"""Finished cells in a file of lines, so that no run computes one twice."""

import base64
import json
import os
import pathlib

import numpy as np


class Journal:
    """An append-only file with a line of JSON for each finished cell.

    Each line has the key of what it belongs to: a model, a source, settings.
    Lines of other keys are left alone, so several models may share a file. A
    last line that was cut off by a kill is dropped.

    Args:
        path: file, made where there is none; `None` keeps nothing.
        key: str.

    Raises:
        ValueError: a file that is no such journal.
    """

    def __init__(self, path, key: str):
        self.path = None if path is None else pathlib.Path(path)
        self.key = key
        self.records = {}
        if self.path is not None and self.path.exists():
            self._read()

    def get(self, corruption: str, severity: int):
        """Returns the record of a finished cell, or `None`."""
        return self.records.get((corruption, severity))

    def add(self, corruption: str, severity: int, record: dict) -> None:
        """Keeps the record of a cell; a kill after it loses nothing."""
        self.records[corruption, severity] = record
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        names = dict(key=self.key, corruption=corruption, severity=severity)
        with self.path.open("a") as file:
            file.write(json.dumps({**names, **record}) + "\n")

    def _read(self):
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                record = json.loads(line)
                cell = record.pop("corruption"), record.pop("severity")
                if record.pop("key") == self.key:
                    self.records[cell] = record
            except (ValueError, KeyError, TypeError, AttributeError):
                raise ValueError(
                    f"{self.path} must have a finished cell on each line, got "
                    f"another thing on line {number}: {line[:60]!r}; give a "
                    "resume_file of an earlier evaluation, or a new one"
                ) from None
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))


def encode(classes) -> str:
    """Returns predicted classes as text."""
    classes = np.asarray(classes).astype("<u2")
    return base64.b64encode(classes.tobytes()).decode()


def decode(text: str) -> np.ndarray:
    """Returns predicted classes, int (examples,)."""
    return np.frombuffer(base64.b64decode(text), "<u2").astype(np.int64)
