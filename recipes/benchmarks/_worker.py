"""Calls functions in another process, one at a time."""

import os
import pathlib
import pickle
import subprocess
import sys


class Worker:
    """A script whose functions are called from here.

    The process ends with the `with` block. Arguments and results are pickled.

    Args:
        script: name of a file beside this one that calls `serve`.
    """

    def __init__(self, script):
        path = pathlib.Path(__file__).with_name(script)
        self.process = subprocess.Popen(
            [sys.executable, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()

    def call(self, function, *args):
        """Returns what the script's function returns."""
        self.start(function, *args)
        return self.result(function)

    def start(self, function, *args):
        """Starts a call, whose `result` must be read before the next one."""
        pickle.dump((function, args), self.process.stdin)
        self.process.stdin.flush()

    def result(self, function):
        """Waits for a call; returns what the script's function returns."""
        try:
            return pickle.load(self.process.stdout)
        except EOFError:
            raise RuntimeError(
                f"{function} failed in its process, see above"
            ) from None


def serve(*functions):
    """Makes the calls of a `Worker` until it ends."""
    functions = {function.__name__: function for function in functions}
    calls, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What the functions print is no result.
    while calls.peek(1):
        function, args = pickle.load(calls)
        pickle.dump(functions[function](*args), results)
        results.flush()
