"""Sums a NumPy array with this loop, NumPy and freshframe: time, error, and whether others can run.

Run it after `pip install .`.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import numpy_sum

import freshframe as ff

Numbers = npt.NDArray[np.float64]
FUNCTIONS: dict[str, Callable[[Numbers], float]] = {
    "numpy_sum.sum": numpy_sum.sum,
    "numpy.sum": lambda numbers: float(np.sum(numbers)),
    "ff.numeric.sum": ff.numeric.sum,
    "  two threads": lambda numbers: ff.numeric.sum(numbers, threads=2),
}


class Neighbour:
    """Another Python thread, which counts its iterations."""

    def __init__(self) -> None:
        self.turns = 0
        self._stop = False
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop:
            self.turns += 1
            time.sleep(0)

    def __enter__(self) -> Neighbour:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join()


def measure(numbers: Numbers, repeats: int) -> dict[str, list[float]]:
    """Returns the seconds per call. The functions alternate, so that a slow moment affects all of them."""
    times: dict[str, list[float]] = {name: [] for name in FUNCTIONS}
    for _ in range(repeats):
        for name, function in FUNCTIONS.items():
            begin = time.perf_counter()
            function(numbers)
            times[name].append(time.perf_counter() - begin)
    return times


def turns_beside(function: Callable[[Numbers], float], numbers: Numbers) -> int:
    """Returns how often another thread could run during one call."""
    with Neighbour() as neighbour:
        before = neighbour.turns
        function(numbers)
        return neighbour.turns - before


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=60_000_000, help="of numbers (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="default: %(default)s")
    options = parser.parse_args()
    numbers = np.full(options.count, 0.1)
    right = Fraction(0.1) * options.count
    times = measure(numbers, options.repeats)
    loop = statistics.median(times["numpy_sum.sum"])
    print(f"{options.count} times 0.1".ljust(22) + "      ms  speed    error  turns of another thread")
    for name, function in FUNCTIONS.items():
        seconds = statistics.median(times[name])
        error = abs(Fraction(function(numbers)) - right) / right
        turns = turns_beside(function, numbers)
        print(f"  {name:<18}{seconds * 1e3:10.2f}{loop / seconds:7.2f}  {float(error):7.1e}  {turns}")


if __name__ == "__main__":
    main()
