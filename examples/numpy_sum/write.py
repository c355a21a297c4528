"""Writes into a NumPy array without the GIL: from one thread, and from two threads on separate halves.

Run it after `pip install .`.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import numpy_sum

Numbers = npt.NDArray[np.float64]


def by_two_threads(numbers: Numbers, factor: float) -> None:
    """Lets each thread write one half. Slices of an array share its memory, so nothing is copied."""
    middle = len(numbers) // 2
    threads = [
        threading.Thread(target=numpy_sum.scale, args=(half, factor))
        for half in (numbers[:middle], numbers[middle:])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def in_numpy(numbers: Numbers, factor: float) -> None:
    """Uses NumPy's own operator, which releases the GIL as well."""
    numbers *= factor


WAYS: dict[str, Callable[[Numbers, float], None]] = {
    "numbers *= 2": in_numpy,
    "numpy_sum.scale": numpy_sum.scale,
    "  two halves, two threads": by_two_threads,
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000_000, help="of numbers (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="default: %(default)s")
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    wrong: dict[str, int] = dict.fromkeys(WAYS, 0)
    for _ in range(options.repeats):
        for name, way in WAYS.items():
            numbers = np.arange(options.count, dtype=np.float64)
            begin = time.perf_counter()
            way(numbers, 2.0)
            times[name].append(time.perf_counter() - begin)
            wrong[name] += int(np.count_nonzero(numbers != 2.0 * np.arange(options.count)))
    print(f"{options.count} numbers".ljust(30) + "     ms  wrong elements")
    for name, found in times.items():
        print(f"  {name:<28}{statistics.median(found) * 1e3:7.2f}  {wrong[name]}")


if __name__ == "__main__":
    main()
