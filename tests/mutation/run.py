"""Runs the tests on changed copies of the package: which change do they see?

    python tests/mutation/run.py [--only PATTERN] [--jobs 1] [--write]

`tests/mutation/mutants/*.txt` list the mutants (see `read.py`), each with the
tests that should fail on it. A mutant is killed where one of them fails or
runs longer than the limit, and survives where all of them pass. The exit status
is 1 where a mutant survives that isn't accepted as equivalent. `--write` puts
the table into `results.md`. About 8 seconds a mutant, and not part of CI.

The list is written by hand: mutmut 3.8 runs on this package, but its operators
change signs, numbers and messages, and not which network predicts, which
statistics an average takes, or how many forward passes there are.

One process imports TensorFlow, Keras and pytest, and no kconsist; it forks a
child for each mutant, which puts the changed copy in front of `sys.path`.
"""

import argparse
import concurrent.futures
import functools
import glob
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras  # noqa: F401
import numpy  # noqa: F401
import pytest
import read
import report
import tensorflow  # noqa: F401

ROOT = pathlib.Path(__file__).parents[2]
# Slow tests, too.
OPTIONS = ["-x", "-q", "-m", "", "-p", "no:cacheprovider", "--tb=line", "-rf"]
PASSED, FAILED, BROKEN, EMPTY = 0, 1, 2, 5  # Of pytest.


def main():
    """Runs the chosen mutants; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="regex of 'file: name'")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=180.0, help="seconds")
    parser.add_argument("--write", action="store_true", help="results.md")
    parser.add_argument("--no-baseline", action="store_true")
    options = parser.parse_args()
    mutants = [
        mutant
        for mutant in read.read()
        if re.search(options.only, f"{mutant.file}: {mutant.name}")
    ]
    os.chdir(ROOT)
    for mutant in mutants:  # Before any is run.
        mutant.apply((ROOT / mutant.file).read_text())
        tests = [_present(test) for test in mutant.tests]
        mutant.tests = [test for test in tests if test]
    if not options.no_baseline:
        check_baseline(mutants)
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda m: evaluate(m, options.limit), mutants):
            print(report.line(result), flush=True)
            results.append(result)
    text = report.markdown(results, ROOT)
    print(text)
    if options.write:
        (pathlib.Path(__file__).parent / "results.md").write_text(text)
    return int(any(result.counts_against for result in results))


@functools.cache
def _found(file):
    paths = sorted(glob.glob(file))
    if not paths:
        print(f"warning: no {file}", flush=True)
    return paths


def _present(test):
    """Returns pytest's arguments of one `test` line, [] for no such file."""
    path, *others = test
    file, *node = path.split("::", 1)
    paths = ["::".join([found, *node]) for found in _found(file)]
    return paths and [*paths, *others]


def check_baseline(mutants):
    """Exits where the tests fail on the package as it is."""
    tests = []
    for mutant in mutants:
        tests += [test for test in mutant.tests if test not in tests]
    for test in tests:
        status, output, _ = run(ROOT, test, 1200)
        if status == EMPTY:
            print(f"warning: no test in pytest {' '.join(test)}", flush=True)
        elif status != PASSED:
            sys.exit(f"pytest {' '.join(test)} fails unchanged:\n{output}")


def evaluate(mutant, limit):
    """Returns the `report.Result` of one mutant."""
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        shutil.copytree(ROOT / "kconsist", copy / "kconsist")
        changed = mutant.apply((ROOT / mutant.file).read_text())
        (copy / mutant.file).write_text(changed)
        for test in mutant.tests:
            status, output, late = run(copy, test, limit)
            if late:
                return report.Result(mutant, "timed out", "", start)
            if status in (FAILED, BROKEN) or status < 0:  # By a signal.
                return report.Result(mutant, "killed", _killer(output), start)
            if status not in (PASSED, EMPTY):
                sys.exit(f"pytest {' '.join(test)} did not run:\n{output}")
    return report.Result(mutant, "survived", "", start)


def _killer(output):
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return found.group(1) if found else ""


def run(package, test, limit):
    """Returns pytest's status, its output, and whether it was stopped."""
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            _become_pytest(package, test, output)
        end = time.time() + limit
        status = None
        while status is None and time.time() < end:
            done, code = os.waitpid(child, os.WNOHANG)
            if done:
                status = os.waitstatus_to_exitcode(code)
            else:
                time.sleep(0.05)
        if status is None:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
        output.seek(0)
        return status, output.read(), status is None


def _become_pytest(package, test, output):
    """Runs one test line in this process, a child, and ends it."""
    status = 3
    try:
        os.setsid()
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        sys.path.insert(0, str(package))
        sys.dont_write_bytecode = True
        status = int(pytest.main([*OPTIONS, *test]))
        import kconsist

        if not kconsist.__file__.startswith(str(package)):
            print(f"imported {kconsist.__file__}, not the copy")
            status = 3
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
