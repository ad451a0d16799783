"""Writes and reads checkpoints that survive a kill at any moment.

A checkpoint is a folder `step_00000120`: written under another name, flushed
to the disk, and renamed once it is complete. If the checkpoint of a step is
written again, the old one stays as `step_00000120.replaced` until the new one
is in place. `checksums.json` shows whether a byte has changed since. Everything
else in the folder is ignored.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
from collections.abc import Callable, Sequence

PARTIAL, REPLACED, REMOVED = ".partial", ".replaced", ".removed"
CHECKSUMS = "checksums.json"
MAX_TO_KEEP = 2
_NAME = re.compile(
    r"step_([0-9]{8}|[1-9][0-9]{8,})(\.partial|\.replaced|\.removed)?"
)


def write(
    folder: pathlib.Path,
    step: int,
    size: int,
    write_files: Callable[[pathlib.Path], None],
) -> pathlib.Path:
    """Writes the checkpoint of a step, and removes all but the last two.

    Args:
        folder: the folder of checkpoints.
        step: number of training steps so far.
        size: approximate size in bytes.
        write_files: function that writes the files into a folder, given its
            `pathlib.Path`.

    Returns:
        The checkpoint's folder.

    Raises:
        OSError: the checkpoint could not be written; the one before it is
            intact.
    """
    path = folder / f"step_{step:08d}"
    partial = path.with_suffix(PARTIAL)
    try:
        if steps(folder)[-1:] > [step]:
            raise OSError("another run has written a later one")
        _remove(partial)
        partial.mkdir(parents=True)
        _check_space(partial / "room", size)
        write_files(partial)
        checksums = {file.name: _checksum(file) for file in partial.iterdir()}
        (partial / CHECKSUMS).write_text(json.dumps(checksums, indent=2) + "\n")
        for file in [*partial.iterdir(), partial]:
            _flush(file)
        _move_into_place(partial, path)
        _remove_old(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        last = steps(folder)[-1:]
        raise OSError(
            f"the checkpoint of step {step} could not be written to {folder} "
            f"({error}); "
            + (f"that of step {last[0]} is kept" if last else "there is none")
        ) from error
    return path


def steps(folder: pathlib.Path) -> list[int]:
    """Returns the steps of the complete checkpoints in a folder, in order."""
    return list(_complete(folder))


def describe_latest(folder: pathlib.Path) -> str:
    """Returns a clause that names the last checkpoint of a folder."""
    last = steps(folder)[-1:]
    if not last:
        return f"{folder} has no checkpoint yet"
    return f"{folder} has the checkpoint of step {last[0]}"


def latest(
    folder: pathlib.Path, files: Sequence[str] = ()
) -> pathlib.Path | None:
    """Returns the folder of the last checkpoint, or `None`.

    Args:
        folder: the folder of checkpoints.
        files: names of files that a checkpoint must have. Defaults to `()`.

    Raises:
        ValueError: the checkpoint is damaged.
    """
    complete = _complete(folder)
    if not complete:
        return None
    *before, step = complete
    damaged = _damaged_files(complete[step], files)
    if damaged:
        start = f"step {before[-1]}" if before else "the beginning"
        raise ValueError(
            f"checkpoint {complete[step]} must be as it was written, and is "
            f"damaged ({', '.join(damaged)}); delete it to resume from {start}"
        )
    return complete[step]


def check_writable(folder: pathlib.Path) -> None:
    """Creates a folder; raises `OSError` unless files can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".writable.{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise OSError(
            f"checkpoints must go to a folder that can be written to, got "
            f"{folder} ({error.strerror})"
        ) from error


def _complete(folder):
    """Returns the folders of complete checkpoints by step, in order."""
    complete = {}
    # In reverse, so that "step_00000120" overrides "step_00000120.replaced".
    for path in sorted(folder.glob("step_*"), reverse=True):
        match = _NAME.fullmatch(path.name)
        if match and match[2] in (None, REPLACED):
            complete[int(match[1])] = path
    return dict(sorted(complete.items()))


def _damaged_files(path, files):
    """Returns the names of the files that differ from what was written."""
    try:
        checksums = json.loads((path / CHECKSUMS).read_text())
        present = {f.name for f in path.iterdir() if f.name[0] != "."}
        names = sorted({*files, *present, *checksums} - {CHECKSUMS})
        damaged = [
            name
            for name in names
            if _checksum(path / name) != checksums.get(name)
        ]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return [str(error)]
    return damaged if names else [CHECKSUMS]


def _move_into_place(partial, path):
    """Renames a complete folder to `path`; one is complete at every moment."""
    if path.exists():
        replaced = path.with_suffix(REPLACED)
        _remove(replaced)
        path.rename(replaced)
    partial.rename(path)
    _flush(path.parent)


def _remove_old(folder):
    """Removes all but the last checkpoints, and leftovers of killed runs."""
    kept = list(_complete(folder).values())[-MAX_TO_KEEP:]
    for path in sorted(folder.glob("step_*")):
        if _NAME.fullmatch(path.name) and path not in kept:
            _remove(path)


def _remove(path):
    """Renames a folder, then deletes it, so that it never looks complete."""
    removed = path.with_suffix(REMOVED)
    shutil.rmtree(removed, ignore_errors=True)
    if path.exists():
        path.rename(removed)
        shutil.rmtree(removed, ignore_errors=True)


def _check_space(path, size):
    """Raises `OSError` unless a file of `size` bytes can be written."""
    # On a full disk HDF5 does not raise an exception: the process crashes.
    block = bytes(2**20)
    with path.open("wb") as file:
        for _ in range(size // len(block) + 1):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _flush(path):
    """Flushes a file, or a folder's list of files, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
