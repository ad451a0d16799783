"""Folders of checkpoints that stay whole when the process is killed.

A checkpoint is a folder `step_00000120`: written under another name, flushed
to the disk, and renamed once it is complete. One that is written again for the
same step stays, as `step_00000120.replaced`, until the new one has its place.
`checksums.json` shows whether a byte has changed since. Everything else in the
folder is ignored.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil

PARTIAL, REPLACED, REMOVED = ".partial", ".replaced", ".removed"
CHECKSUMS = "checksums.json"
KEPT = 2
_NAME = re.compile(
    r"step_([0-9]{8}|[1-9][0-9]{8,})(\.partial|\.replaced|\.removed)?"
)


def write(folder, step: int, size: int, write_files) -> pathlib.Path:
    """Writes the checkpoint of a step, and removes all but the last two.

    Args:
        folder: `pathlib.Path`, the folder of checkpoints.
        step: number of steps made.
        size: bytes that it takes, about.
        write_files: function of a `pathlib.Path`, an empty folder.

    Returns:
        The checkpoint's folder.

    Raises:
        OSError: it could not be written; the last one before it is whole.
    """
    path = folder / f"step_{step:08d}"
    partial = path.with_suffix(PARTIAL)
    try:
        if steps(folder)[-1:] > [step]:
            raise OSError("another run has written a later one")
        _remove(partial)
        partial.mkdir(parents=True)
        _try_room(partial / "room", size)
        write_files(partial)
        sums = {file.name: _checksum(file) for file in partial.iterdir()}
        (partial / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n")
        for file in [*partial.iterdir(), partial]:
            _flush(file)
        _put(partial, path)
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


def steps(folder) -> list[int]:
    """Returns the steps of the complete checkpoints in a folder, in order."""
    return list(_complete(folder))


def kept(folder) -> str:
    """Returns a sentence on the last checkpoint of a folder."""
    last = steps(folder)[-1:]
    if not last:
        return f"{folder} has no checkpoint yet"
    return f"{folder} has the checkpoint of step {last[0]}"


def latest(folder, files=()) -> pathlib.Path | None:
    """Returns the folder of the last checkpoint, or `None`.

    Args:
        folder: `pathlib.Path`, the folder of checkpoints.
        files: names of files that a checkpoint must have. Defaults to `()`.

    Raises:
        ValueError: it is damaged.
    """
    found = _complete(folder)
    if not found:
        return None
    *before, step = found
    damage = _damage(found[step], files)
    if damage:
        start = f"step {before[-1]}" if before else "the beginning"
        raise ValueError(
            f"checkpoint {found[step]} must be as it was written, and is "
            f"damaged ({', '.join(damage)}); delete it to resume from {start}"
        )
    return found[step]


def check_writable(folder) -> None:
    """Raises `OSError` unless files can be made in a folder; makes it."""
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
    found = {}
    # Backwards: "step_00000120" comes after "step_00000120.replaced".
    for path in sorted(folder.glob("step_*"), reverse=True):
        match = _NAME.fullmatch(path.name)
        if match and match[2] in (None, REPLACED):
            found[int(match[1])] = path
    return dict(sorted(found.items()))


def _damage(path, files):
    """Returns the names of the files that are not as they were written."""
    try:
        sums = json.loads((path / CHECKSUMS).read_text())
        there = {f.name for f in path.iterdir() if f.name[0] != "."}
        names = sorted({*files, *there, *sums} - {CHECKSUMS})
        damaged = [f for f in names if _checksum(path / f) != sums.get(f)]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return [str(error)]
    return damaged if names else [CHECKSUMS]


def _put(partial, path):
    """Gives a folder its name; at every moment a complete one has it."""
    if path.exists():
        replaced = path.with_suffix(REPLACED)
        _remove(replaced)
        path.rename(replaced)
    partial.rename(path)
    _flush(path.parent)


def _remove_old(folder):
    """Removes all but the last checkpoints, and what killed runs left."""
    kept = list(_complete(folder).values())[-KEPT:]
    for path in sorted(folder.glob("step_*")):
        if _NAME.fullmatch(path.name) and path not in kept:
            _remove(path)


def _remove(path):
    """Removes a folder, renamed so that half of one is not taken for it."""
    removed = path.with_suffix(REMOVED)
    shutil.rmtree(removed, ignore_errors=True)
    if path.exists():
        path.rename(removed)
        shutil.rmtree(removed, ignore_errors=True)


def _try_room(path, size):
    """Raises `OSError` unless a file of so many bytes can be written."""
    # HDF5 does not raise where the disk is full: it brings the process down.
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
    """Waits until a file, or a folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
