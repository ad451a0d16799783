"""Measures alternatives in turns, and compares their medians."""

import statistics
import time


def median_seconds(runs: dict, rounds: int) -> dict:
    """Returns the median time of each function, in seconds.

    Args:
        runs: names and functions without arguments. Each round calls all of
            them, one after the other, so that other work on the machine slows
            all of them down.
        rounds: number of measured rounds.
    """
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(all_) for name, all_ in times.items()}
