"""How benchmarks measure: all take turns, and medians are compared."""

import statistics
import time


def median_seconds(runs: dict, rounds: int) -> dict:
    """Returns the median time of each run, in seconds.

    Args:
        runs: name to a function without arguments. In each round all are
            called, one after the other, so that what disturbs the machine
            disturbs them alike.
        rounds: how many rounds count.
    """
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(all_) for name, all_ in times.items()}
