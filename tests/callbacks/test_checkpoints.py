"""A complete checkpoint survives a failure or a kill at any operation."""

import json
import os
import shutil
import sys
import threading

import pytest

from kconsist.callbacks import _checkpoints

FILES = ("weights", "state")


class Killed(BaseException):
    """Not an `Exception`: the package never catches it."""


class FileOperations:
    """Counts the operations on files, and fails from the n-th one on.

    Python raises an audit event before each operation: `os.rename`, `open`, …
    """

    def __init__(self):
        self.error, self.thread = None, threading.get_ident()

    def __call__(self, event, arguments):
        if self.error is None or threading.get_ident() != self.thread:
            return
        if event.split(".")[0] in ("open", "os", "shutil"):
            self.left -= 1
            if self.left < 0:
                self.failed = True
                raise self.error

    def fail(self, action, error, left):
        """Runs an action; returns whether the error stopped it."""
        self.left, self.failed, self.error = left, False, error
        try:
            action()
        except type(error):
            pass
        finally:
            self.error = None
        return self.failed


class Once(FileOperations):
    """Only one operation fails; those after it succeed."""

    def __call__(self, event, arguments):
        if not getattr(self, "failed", False):
            super().__call__(event, arguments)


@pytest.fixture(scope="module")
def operations():
    hooks = {"kill": FileOperations(), "fail": Once()}
    for hook in hooks.values():
        sys.addaudithook(hook)  # Audit hooks cannot be removed.
    return hooks


@pytest.fixture(autouse=True)
def no_flushing(monkeypatch):
    """Replaces fsync, most of these tests' time, by an audit event."""
    monkeypatch.setattr(os, "fsync", lambda file: sys.audit("os.fsync", file))


def write(folder, step, content):
    def files(path):
        for name in FILES:
            (path / name).write_text(f"{name} {step} {content}")

    return _checkpoints.write(folder, step, 10, files)


def content(folder):
    """Returns the step and the content of the last checkpoint."""
    path = _checkpoints.latest(folder, FILES)
    files = [(path / name).read_text().split() for name in FILES]
    assert [words[0] for words in files] == list(FILES)
    assert files[0][1:] == files[1][1:]
    return int(files[0][1]), files[0][2]


@pytest.mark.parametrize("kind", ["kill", "fail"])
@pytest.mark.parametrize("before, step", [([4], 4), ([4, 8], 8), ([4, 8], 12)])
def test_the_last_checkpoint_survives_a_failure_of_every_operation(
    kind, before, step, operations, tmp_path
):
    error = Killed() if kind == "kill" else OSError("no space")
    last, number, outcomes = (before[-1], "old"), 0, set()
    stopped = True
    while stopped:
        folder = tmp_path / str(number)
        for old_step in before:
            write(folder, old_step, "old")
        stopped = operations[kind].fail(
            lambda folder=folder: write(folder, step, "new"), error, number
        )
        outcome = content(folder)
        assert outcome in (last, (step, "new"))
        outcomes.add(outcome)
        # The next run leaves the same folders as without a failure.
        write(folder, step, "again")
        assert content(folder) == (step, "again")
        write(folder, 16, "more")
        names = sorted(path.name for path in folder.iterdir())
        assert names == [f"step_{step:08d}", "step_00000016"]
        assert number < 500
        number += 1
    assert outcomes == {last, (step, "new")}


def test_a_run_killed_twice_keeps_a_checkpoint(operations, tmp_path):
    """Kills a second run at each operation, after each kill of the first."""
    hook, left = operations["kill"], []
    write(tmp_path / "run", 4, "old")
    number = 0
    while hook.fail(
        lambda: write(tmp_path / "run", 4, "new"), Killed(), number
    ):
        left.append(shutil.copytree(tmp_path / "run", tmp_path / str(number)))
        number += 1
        shutil.rmtree(tmp_path / "run")
        write(tmp_path / "run", 4, "old")
    names = {p.name for folder in left for p in folder.iterdir()}
    assert names >= {"step_00000004.replaced", "step_00000004.removed"}
    for folder in left[-14:]:  # Those around the renames.
        for second in range(0, number, 2):
            run = tmp_path / f"{folder.name}_{second}"
            shutil.copytree(folder, run)
            hook.fail(lambda run=run: write(run, 4, "2nd"), Killed(), second)
            assert content(run)[1] in ("old", "new", "2nd")


@pytest.mark.parametrize(
    "name",
    [
        "step_00000020_backup",
        "step_00000020.bak",
        "step_20",
        "step_",
        "step_000000020",
        "step_-0000020",
        "step_\u0662\u0662\u0662\u0662\u0662\u0662\u0662\u0662",
        "Step_00000020",
        "copy of step_00000020",
    ],
)
@pytest.mark.parametrize("is_folder", [True, False])
def test_an_unrelated_name_is_ignored_and_kept(name, is_folder, tmp_path):
    write(tmp_path, 4, "old")
    other = tmp_path / name
    other.mkdir() if is_folder else other.touch()
    assert _checkpoints.steps(tmp_path) == [4]
    for step in (8, 12):
        write(tmp_path, step, "new")
    assert content(tmp_path) == (12, "new")
    assert other.exists()
    assert _checkpoints.steps(tmp_path) == [8, 12]


def test_nine_digits_come_after_eight(tmp_path):
    for step in (99_999_999, 100_000_000):
        write(tmp_path, step, "new")
    assert _checkpoints.steps(tmp_path) == [99_999_999, 100_000_000]
    assert content(tmp_path)[0] == 100_000_000


def assert_damaged(folder, checksums):
    path = write(folder, 8, "old") / "checksums.json"
    is_text = isinstance(checksums, str)
    path.write_text(checksums if is_text else json.dumps(checksums))
    with pytest.raises(ValueError, match="damaged.*resume from the beginning"):
        _checkpoints.latest(folder, FILES)


@pytest.mark.parametrize(
    "checksums", ["", "{}", "[]", "5", '"state"', "null", "{"]
)
def test_checksums_that_name_no_file_are_damaged(checksums, tmp_path):
    assert_damaged(tmp_path, checksums)


@pytest.mark.parametrize("missing", FILES)
def test_checksums_must_name_every_file(missing, tmp_path):
    path = write(tmp_path, 8, "old")
    checksums = json.loads((path / "checksums.json").read_text())
    del checksums[missing]
    assert_damaged(tmp_path, checksums)
    (path / missing).unlink()
    with pytest.raises(ValueError, match=f"damaged.*{missing}"):
        _checkpoints.latest(tmp_path, FILES)


def test_a_file_instead_of_a_folder_is_damaged(tmp_path):
    write(tmp_path, 4, "old")
    (tmp_path / "step_00000008").touch()
    with pytest.raises(ValueError, match="damaged.*resume from step 4"):
        _checkpoints.latest(tmp_path)
