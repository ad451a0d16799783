"""Folders of checkpoints that a kill at any moment leaves whole.

A checkpoint is a folder `step_00000120`: written under another name, flushed
to the disk, and renamed when it is whole. `checksums.json` says whether a byte
was changed since.
"""

import hashlib
import json
import os
import pathlib
import shutil

PARTIAL = ".partial"
CHECKSUMS = "checksums.json"
KEPT = 2


def write(folder, step: int, size: int, write_files) -> pathlib.Path:
    """Writes the checkpoint of a step, and drops all but the last two.

    Args:
        folder: `pathlib.Path`, the folder of checkpoints.
        step: number of steps made.
        size: bytes that it takes, about.
        write_files: function of a `pathlib.Path`, an empty folder.

    Returns:
        The checkpoint's folder.

    Raises:
        OSError: it could not be written; the ones before it are as they were.
    """
    path = folder / f"step_{step:08d}"
    partial = path.with_suffix(PARTIAL)
    try:
        _remove(partial)
        partial.mkdir(parents=True)
        _try_room(partial / "room", size)
        write_files(partial)
        sums = {file.name: _checksum(file) for file in partial.iterdir()}
        (partial / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n")
        for file in [*partial.iterdir(), partial]:
            _flush(file)
        _remove(path)
        partial.rename(path)
        _flush(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        last = steps(folder)[-1:]
        raise OSError(
            f"the checkpoint of step {step} could not be written to {folder} "
            f"({error}); "
            + (f"that of step {last[0]} is kept" if last else "there is none")
        ) from error
    for old in steps(folder)[:-KEPT]:
        _remove(folder / f"step_{old:08d}")
    return path


def steps(folder) -> list[int]:
    """Returns the steps of the whole checkpoints in a folder, in order."""
    found = folder.glob("step_*") if folder.exists() else ()
    return sorted(
        int(path.name.removeprefix("step_"))
        for path in found
        if path.suffix != PARTIAL
    )


def latest(folder) -> pathlib.Path | None:
    """Returns the folder of the last checkpoint, or `None`.

    Raises:
        ValueError: it is damaged.
    """
    found = steps(folder)
    if not found:
        return None
    path = folder / f"step_{found[-1]:08d}"
    try:
        sums = json.loads((path / CHECKSUMS).read_text())
        damaged = [f for f, s in sums.items() if _checksum(path / f) != s]
    except (OSError, ValueError, AttributeError) as error:
        damaged = [str(error)]
    if damaged:
        before = f"step {found[-2]}" if len(found) > 1 else "the beginning"
        raise ValueError(
            f"checkpoint {path} must be as it was written, and is damaged "
            f"({', '.join(damaged)}); delete it to go on from {before}"
        )
    return path


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


def _remove(path):
    """Removes a folder so that no half of it is taken for a whole."""
    if path.exists() and path.suffix != PARTIAL:
        doomed = path.with_suffix(PARTIAL)
        shutil.rmtree(doomed, ignore_errors=True)
        path = path.rename(doomed)
    shutil.rmtree(path, ignore_errors=True)
