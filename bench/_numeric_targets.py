"""Sums per instruction set of this processor, beside NumPy and plain loops in C; part of numeric.py."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from _measure import Result, Row, quantile

from freshframe import numeric

Call = Callable[[int], object]

MEGABYTES = (1, 8, 160, 1000)  # of one array; 8 fit into the last-level cache of a server
LEAST = 0.1  # the quantile of the times: what the machine does when nobody else uses it


def of_targets(result: Result, library: ctypes.CDLL, rounds: int) -> None:
    """A row per target, type and size: how many times as fast as the best of NumPy and the plain loops."""
    library.targets.restype = ctypes.c_int64
    library.use_targets.argtypes = library.target_name.argtypes = [ctypes.c_int64]
    library.target_name.restype = ctypes.c_char_p
    every = library.targets()
    # With each those below it, as on a processor that has no more.
    targets = {
        library.target_name(1 << bit).decode(): every & -(1 << bit) for bit in range(60) if every >> bit & 1
    }
    for dtype in (np.float64, np.float32):
        for megabytes in MEGABYTES:
            a, b = (
                np.random.default_rng(seed).random((megabytes << 20) // np.dtype(dtype).itemsize, dtype)
                for seed in (0, 1)
            )
            for what, second in (("sum", None), ("absdiff_mean", b), ("compensated sum", None)):
                if what != "compensated sum" or megabytes == 160:
                    name = f"{what} of {np.dtype(dtype).name}, {megabytes} MB"
                    rows_of(result, name, timed(library, targets, what, (a, second), rounds))
    library.use_targets(0)


def timed(
    library: ctypes.CDLL,
    targets: dict[str, int],
    what: str,
    arrays: tuple[npt.NDArray[np.floating], npt.NDArray[np.floating] | None],
    rounds: int,
) -> dict[str, list[float]]:
    """Seconds of each call, of the thread alone: what other programs take does not count."""
    a, b = arrays
    compensated = what == "compensated sum"

    def plain(name: str) -> Call:
        function = getattr(library, f"{name}_{a.dtype.name}")
        function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
        function.restype = ctypes.c_double
        return lambda _: function(a.ctypes.data, None if b is None else b.ctypes.data, a.size)

    def ours(_: int) -> object:
        return numeric.sum(a, compensated=compensated) if b is None else numeric.absdiff_mean(a, b)

    calls: dict[str, tuple[int, Call]] = {
        name: (0, plain(name)) for name in ("plain_4", "plain_8", "errors_4", "errors_8")
    }
    if b is None:
        calls["numpy"] = (0, lambda _: a.sum())
    calls |= {name: (target, ours) for name, target in targets.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number, name in enumerate(turns([*calls], rounds)):
        target, call = calls[name]
        library.use_targets(target)
        begin = time.thread_time()
        call(number)
        times[name].append(time.thread_time() - begin)
    return times


def turns(names: list[str], rounds: int) -> Iterator[str]:
    """All names in each round, another one first."""
    for turn in range(rounds):
        first = turn % len(names)
        yield from names[first:] + names[:first]


def rows_of(result: Result, what: str, times: dict[str, list[float]]) -> None:
    """Against the best of NumPy and the plain loops, and against the better loop with errors."""
    best = {name: quantile(values, LEAST) for name, values in times.items()}
    plain = min(best[name] for name in ("numpy", "plain_4", "plain_8") if name in best)
    errors = min(best["errors_4"], best["errors_8"])
    for name in times:
        if name.startswith(("numpy", "plain", "errors")):
            continue
        figures = {f"{other}_ms": 1e3 * best[other] for other in best if not other.isupper()}
        figures |= {"ms": 1e3 * best[name], "times_loop_with_errors": errors / best[name]}
        result.add(Row(f"{what}, {name}", figures, plain / best[name], 1.0, at_least=True))
