"""A file of finished cells, so that a resumed run skips them."""

import base64
import json
import os
import pathlib
import re

import numpy as np

# Every line starts with this; a truncated line may be a prefix of it.
START = b'{"key": "'


class Journal:
    """An append-only file with a line of JSON for each finished cell.

    Each line has a key that identifies the network, images and settings of its
    cell. Lines with other keys are ignored, so several models and processes may
    share a file. A line that was truncated, by a kill or a full disk, is
    skipped; the cells after it are still read.

    Args:
        path: file, created if it does not exist, or `None` to write none.
        keys: dict from cells, `(corruption, severity)`, to their keys.

    Raises:
        ValueError: a file that is not a journal.
        OSError: a file that can't be written.
    """

    def __init__(
        self, path: str | os.PathLike | None, keys: dict[tuple[str, int], str]
    ):
        self.path = None if path is None else pathlib.Path(path)
        self.keys = keys
        self.records = {}
        if self.path is not None:
            self._open()

    def get(self, cell: tuple[str, int]) -> dict | None:
        """Returns the record of a finished cell, or `None`."""
        return self.records.get(cell)

    def add(self, cell: tuple[str, int], record: dict) -> None:
        """Appends the record of a cell to the file."""
        self.records[cell] = record
        if self.path is None:
            return
        head = dict(key=self.keys[cell], corruption=cell[0], severity=cell[1])
        line = json.dumps({**head, **record}).encode() + b"\n"
        # A single write, so that lines of several processes do not interleave.
        with self.path.open("ab") as file:
            file.write(line if self._ends_with_newline() else b"\n" + line)

    def _open(self):
        if self.path.is_dir():
            raise ValueError(
                f"resume_file must be a file, got the folder {self.path}: "
                f"pass a path such as {self.path / 'cells.jsonl'}"
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.open("ab").close()
        cells = {key: cell for cell, key in self.keys.items()}
        for number, line in enumerate(self.path.read_bytes().split(b"\n"), 1):
            # After a truncated record there may be zeros (from a power failure)
            # and another record on the same line.
            for part in re.split(b"(?=%s)" % START, line):
                record = self._parse(part.strip(b"\0\r "), number)
                if record is not None and record["key"] in cells:
                    self.records[cells[record["key"]]] = record

    def _parse(self, part, number):
        """Returns the record of a line, or `None` if it was truncated."""
        try:
            record = json.loads(part)
            if isinstance(record["key"], str) and "corruption" in record:
                return record
        except ValueError:
            if part.startswith(START) or START.startswith(part):
                return None
        except (KeyError, TypeError):
            pass  # JSON, but not a record.
        raise ValueError(
            f"{self.path} must have one finished cell per line, got "
            f"{part[:60]!r} on line {number}: pass a resume_file of an earlier "
            "evaluation, or a new one"
        )

    def _ends_with_newline(self):
        with self.path.open("rb") as file:
            if not file.seek(0, 2):
                return True
            file.seek(-1, 2)
            return file.read() == b"\n"


def encode_classes(classes) -> str:
    """Encodes predicted classes as text."""
    classes = np.asarray(classes).astype("<u4")
    return base64.b64encode(classes.tobytes()).decode()


def decode_classes(text: str) -> np.ndarray:
    """Decodes predicted classes, int (examples,)."""
    return np.frombuffer(base64.b64decode(text), "<u4").astype(np.int64)
