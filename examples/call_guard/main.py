"""Compares five calls on five threads with one call: GIL held, released around the call, released inside it.

Run it after `pip install .`.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import call_guard

CALLS = 5
NUMBERS = list(range(1000))
FUNCTIONS = {
    "held": call_guard.held,
    "call guard": call_guard.released,
    "scoped release": call_guard.scoped,
}


def elapsed(pool: ThreadPoolExecutor, function: Callable[..., Any], calls: int, *arguments: object) -> float:
    """Returns the seconds until this many calls, submitted at the same time, have all returned."""
    begin = time.perf_counter()
    futures = [pool.submit(function, NUMBERS, *arguments) for _ in range(calls)]
    wait(futures)
    end = time.perf_counter()
    for future in futures:
        future.result()  # raises the call's exception
    return end - begin


def print_table(pool: ThreadPoolExecutor, seconds: float, compute: bool, repeats: int) -> None:
    """Prints the median for each way to handle the GIL.

    The ways alternate, so that a slow moment affects all of them.
    """
    singles: dict[str, list[float]] = {name: [] for name in FUNCTIONS}
    together: dict[str, list[float]] = {name: [] for name in FUNCTIONS}
    inside = dict.fromkeys(FUNCTIONS, 0)
    for _ in range(repeats):
        for name, function in FUNCTIONS.items():
            singles[name].append(elapsed(pool, function, 1, seconds, compute))
            call_guard.take_most_inside()
            together[name].append(elapsed(pool, function, CALLS, seconds, compute))
            inside[name] = max(inside[name], call_guard.take_most_inside())
    what = "computes" if compute else "waits"
    print(f"a function that {what} for {seconds * 1000:g} ms".ljust(44) + "calls inside at once")
    for name in FUNCTIONS:
        one, five = statistics.median(singles[name]), statistics.median(together[name])
        times = f"{CALLS} calls {five:6.3f} s, one {one:6.3f} s = {five / one:4.2f} : 1"
        print(f"  {name:<16}{times}{inside[name]:6}")
    print()


def main() -> None:
    """Prints one table for calls that wait and one for calls that use the CPU."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.1, help="of one call (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="default: %(default)s")
    options = parser.parse_args()
    with ThreadPoolExecutor(CALLS) as pool:
        print_table(pool, options.seconds, compute=False, repeats=options.repeats)
        print_table(pool, options.seconds, compute=True, repeats=options.repeats)
    processors = len(os.sched_getaffinity(0))
    print(
        f"Calls that wait all overlap; of those that compute, as many as there are processors: {processors}."
    )


if __name__ == "__main__":
    main()
