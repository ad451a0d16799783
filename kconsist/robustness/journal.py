"""Finished cells in a file of lines, so that no run computes one twice."""

import base64
import json
import pathlib
import re

import numpy as np

# What every line begins with; a line that was cut off is one of these too.
START = b'{"key": "'


class Journal:
    """An append-only file with a line of JSON for each finished cell.

    Each line has the key of what determines its cell: network, images,
    settings. Lines with other keys are left alone, so several models and
    processes may share a file. A line that was cut off, by a kill or a full
    disk, is skipped, and the cell after it is read all the same.

    Args:
        path: file, made where there is none; `None` keeps nothing.
        keys: dict from the cells, `(corruption, severity)`, to their keys.

    Raises:
        ValueError: a file that is no such journal.
        OSError: a file that can't be written.
    """

    def __init__(self, path, keys: dict):
        self.path = None if path is None else pathlib.Path(path)
        self.keys = keys
        self.records = {}
        if self.path is not None:
            self._open()

    def get(self, cell: tuple[str, int]):
        """Returns the record of a finished cell, or `None`."""
        return self.records.get(cell)

    def add(self, cell: tuple[str, int], record: dict) -> None:
        """Keeps the record of a cell; a kill after it loses nothing."""
        self.records[cell] = record
        if self.path is None:
            return
        names = dict(key=self.keys[cell], corruption=cell[0], severity=cell[1])
        line = json.dumps({**names, **record}).encode() + b"\n"
        # One write, so that the lines of several processes do not mix.
        with self.path.open("ab") as file:
            file.write(line if self._ends_a_line() else b"\n" + line)

    def _open(self):
        if self.path.is_dir():
            raise ValueError(
                f"resume_file must be a file, got the folder {self.path}: "
                f"give for example {self.path / 'cells.jsonl'}"
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.open("ab").close()
        cells = {key: cell for cell, key in self.keys.items()}
        for number, line in enumerate(self.path.read_bytes().split(b"\n"), 1):
            # What was cut off may be followed by zeros, which a power failure
            # leaves, and by another record on the same line.
            for part in re.split(b"(?=%s)" % START, line):
                record = self._parse(part.strip(b"\0\r "), number)
                if record is not None and record["key"] in cells:
                    self.records[cells[record["key"]]] = record

    def _parse(self, part, number):
        """Returns a line's record, or `None` for one that was cut off."""
        try:
            record = json.loads(part)
            if isinstance(record["key"], str) and "corruption" in record:
                return record
        except ValueError:
            if part.startswith(START) or START.startswith(part):
                return None
        except (KeyError, TypeError):
            pass  # JSON of another kind.
        raise ValueError(
            f"{self.path} must have a finished cell on each line, got "
            f"another thing on line {number}: {part[:60]!r}; give a "
            "resume_file of an earlier evaluation, or a new one"
        )

    def _ends_a_line(self):
        with self.path.open("rb") as file:
            if not file.seek(0, 2):
                return True
            file.seek(-1, 2)
            return file.read() == b"\n"


def encode(classes) -> str:
    """Returns predicted classes as text."""
    classes = np.asarray(classes).astype("<u4")
    return base64.b64encode(classes.tobytes()).decode()


def decode(text: str) -> np.ndarray:
    """Returns predicted classes, int (examples,)."""
    return np.frombuffer(base64.b64decode(text), "<u4").astype(np.int64)
