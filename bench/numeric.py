"""Sums of NumPy data: how fast beside NumPy and beside loops that only read the same memory, and how right.

The reference of a row is NumPy. "read" is the fastest of three loops that only read (numeric_loops.cpp, made
for this machine); the plain loop is the one of the example, Kahan's is scalar. The table of sizes compares
with the best of NumPy and two plain vector loops, through one stream and through four. Ratios are of medians.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from _measure import Result, Row, arguments, median, program, quantile, spread, take_turns
from _numeric_targets import of_targets

from freshframe import numeric

Array = npt.NDArray[Any]
Call = Callable[[], object]

LARGE = 60_000_000  # float64: 480 MB
SMALL = 50_000  # float64: 400 KB, in the second-level cache
SIZES = (16 << 10, 128 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20)  # bytes
STREAMS = ("sum_1_stream", "sum_4_streams")
READS = ("read_4", "read_8", "read_8_ahead")


def loops() -> ctypes.CDLL:
    """The library of numeric_loops.cpp."""
    library = ctypes.CDLL(program("libnumeric_loops.so"))
    for name in READS:
        function = getattr(library, name)
        function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        function.restype = ctypes.c_uint64
    for name in ("naive_sum", "kahan_sum", *STREAMS):
        function = getattr(library, name)
        function.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        function.restype = ctypes.c_double
    return library


def timed(call: Call, times: int) -> Callable[[], float]:
    """Microseconds of one call."""

    def run() -> float:
        begin = time.perf_counter()
        for _ in range(times):
            call()
        return 1e6 * (time.perf_counter() - begin) / times

    return run


def measure(calls: Mapping[str, Call], rounds: int, times: int = 1) -> dict[str, list[float]]:
    """Microseconds of all calls, in turns."""
    for call in calls.values():
        call()
    return take_turns({name: timed(call, times) for name, call in calls.items()}, rounds)


def rows_of(
    result: Result, what: str, times: dict[str, list[float]], size: int, goals: dict[str, tuple[str, float]]
) -> None:
    """One row per call; the value is how many times as fast as the reference it is.

    Args:
        result: Takes the rows.
        what: Begins their names.
        times: Microseconds; with "numpy" and "numpy again".
        size: Bytes that each call reads.
        goals: Reference and least ratio of the calls that have a goal.
    """
    noise = spread(times["numpy"], times["numpy again"])
    reads = [name for name in times if name.startswith("read")]
    best = min((median(times[name]) for name in reads), default=math.nan)
    for name, values in times.items():
        middle = median(values)
        against, goal = goals.get(name, ("numpy", None))
        reference = best if against == "read" else median(times["numpy"])
        figures: dict[str, Any] = {
            "p50_us": middle,
            "p99_us": quantile(values, 0.99),
            "gb_per_s": size / middle / 1e3,
            "times_numpy": median(times["numpy"]) / middle,
        }
        if reads:
            figures["share_of_read"] = best / middle
        result.add(
            Row(
                f"{what}: {name}" + (f" (goal: against {against})" if goal else ""),
                figures,
                reference / middle,
                goal,
                at_least=True,
                spread=noise,
            )
        )


def large(result: Result, library: ctypes.CDLL, rounds: int) -> None:
    """480 MB of float64, one thread and two."""
    x = np.random.default_rng(0).random(LARGE)
    where, count, size = x.ctypes.data, x.size, x.nbytes
    calls: dict[str, Call] = {
        "numpy": x.sum,
        "ours": lambda: numeric.sum(x),
        "compensated": lambda: numeric.sum(x, compensated=True),
        "numpy again": x.sum,
        "plain loop": lambda: library.naive_sum(where, count),
        "Kahan": lambda: library.kahan_sum(where, count),
    }
    for name in READS:
        calls[name] = lambda name=name: getattr(library, name)(where, size, 1)  # type: ignore[misc]
    times = measure(calls, rounds)
    rows_of(result, "480 MB, 1 thread", times, size, {"ours": ("read", 0.9)})
    ours, numpys = times["ours"], times["numpy"]
    noise = spread(numpys, times["numpy again"])
    result.add(
        Row(
            "480 MB, 1 thread: ours against numpy",
            {},
            median(numpys) / median(ours),
            2.0,
            at_least=True,
            spread=noise,
        )
    )

    pool = ThreadPoolExecutor(2)
    halves = np.split(x, 2)
    calls = {
        "numpy": lambda: list(pool.map(np.sum, halves)),
        "ours": lambda: numeric.sum(x, threads=2),
        "compensated": lambda: numeric.sum(x, compensated=True, threads=2),
        "numpy again": lambda: list(pool.map(np.sum, halves)),
    }
    for name in READS:
        calls[name] = lambda name=name: getattr(library, name)(where, size, 2)  # type: ignore[misc]
    rows_of(result, "480 MB, 2 threads", measure(calls, rounds), size, {"ours": ("read", 0.9)})
    pool.shutdown()


def small(result: Result, library: ctypes.CDLL, rounds: int) -> None:
    """400 KB of float64, again and again."""
    x = np.random.default_rng(0).random(SMALL)
    where, count, size = x.ctypes.data, x.size, x.nbytes
    calls: dict[str, Call] = {
        "numpy": x.sum,
        "ours": lambda: numeric.sum(x),
        "compensated": lambda: numeric.sum(x, compensated=True),
        "numpy again": x.sum,
        "plain loop": lambda: library.naive_sum(where, count),
        "Kahan": lambda: library.kahan_sum(where, count),
    }
    rows_of(result, "400 KB", measure(calls, rounds, 200), size, {"ours": ("numpy", 3.0)})
    few = x[:10]
    calls = {"numpy": few.sum, "ours": lambda: numeric.sum(few), "numpy again": few.sum}
    rows_of(result, "10 numbers", measure(calls, rounds, 2000), few.nbytes, {})


def sizes(result: Result, library: ctypes.CDLL, rounds: int) -> None:
    """float64 from the first-level cache to memory: ours and the best of the plain sums."""
    everything = np.random.default_rng(0).random(SIZES[-1] // 8)
    for size in SIZES:
        x = everything[: size // 8]
        where, count = x.ctypes.data, x.size
        calls: dict[str, Call] = {"numpy": x.sum, "ours": lambda x=x: numeric.sum(x), "numpy again": x.sum}  # type: ignore[misc]
        for name in STREAMS:
            calls[name] = lambda name=name, where=where, count=count: getattr(library, name)(where, count)  # type: ignore[misc]
        times = measure(calls, rounds, max(1, (8 << 20) // size))
        figures = {f"{name.replace(' ', '_')}_gb_per_s": size / median(times[name]) / 1e3 for name in times}
        best = min(median(times[name]) for name in ("numpy", *STREAMS))
        noise = spread(times["numpy"], times["numpy again"])
        name = f"{size >> 10} KB: ours against the best plain sum"
        result.add(Row(name, figures, best / median(times["ours"]), 1.0, at_least=True, spread=noise))


def others(result: Result, rounds: int) -> None:
    """Other types and layouts, for information."""
    random = np.random.default_rng(0)
    picture = random.random((6000, 5000))
    arrays: dict[str, Array] = {
        "float32, 120 MB": random.random(30_000_000, np.float32),
        "uint8, 60 MB": random.integers(0, 256, 60_000_000, np.uint8),
        "int64, 240 MB": random.integers(-(2**62), 2**62, 30_000_000),
        "float64, 3000 of 5000 columns": picture[:, 1000:4000],
        "float64, every second": picture.reshape(-1)[::2],
        "float64, transposed": picture.T,
        "uint8, green of BGR 4K": random.integers(0, 256, (2160, 3840, 3), np.uint8)[..., 1],
    }
    for name, x in arrays.items():
        times = measure({"numpy": x.sum, "ours": lambda x=x: numeric.sum(x), "numpy again": x.sum}, rounds)  # type: ignore[misc]
        rows_of(result, name, times, x.nbytes, {})


def motion(result: Result, rounds: int) -> None:
    """The mean difference of two luma planes, 1920 x 1080."""
    random = np.random.default_rng(0)
    a, b = (random.integers(0, 256, (1080, 1920), np.uint8) for _ in range(2))
    cv2.setNumThreads(1)
    calls: dict[str, Call] = {
        "numpy": lambda: np.abs(a.astype(np.int16) - b).mean(),
        "np.mean(cv2.absdiff)": lambda: np.mean(cv2.absdiff(a, b)),
        "cv2.norm": lambda: cv2.norm(a, b, cv2.NORM_L1) / a.size,
        "ours": lambda: numeric.absdiff_mean(a, b),
        "numpy again": lambda: np.abs(a.astype(np.int16) - b).mean(),
    }
    rows_of(result, "absdiff_mean 1080p", measure(calls, rounds, 20), 2 * a.nbytes, {})


def errors(result: Result, library: ctypes.CDLL) -> None:
    """Relative errors, against the exact sum."""
    random = np.random.default_rng(1)
    million = 1_000_000
    mixed = random.choice([-1.0, 1.0], million) * 10 ** random.uniform(0, 16, million)
    cases = {
        "0.1 ten million times": np.full(10_000_000, 0.1),
        "1e8 and 1e-3 ten million times": np.r_[1e8, np.full(10_000_000, 1e-3)],
        "both signs over 16 decades": mixed,
        "alternating 1e15": np.where(np.arange(million + 1) % 2, -1e15, 1e15) + random.random(million + 1),
        "cancels but for 1": random.permutation(np.r_[mixed, -mixed, 1.0]),
    }
    for name, x in cases.items():
        exact = sum_exactly(x)
        calls: dict[str, Callable[[], float]] = {
            "ours": lambda x=x: float(numeric.sum(x)),  # type: ignore[misc]
            "compensated": lambda x=x: float(numeric.sum(x, compensated=True)),  # type: ignore[misc]
            "numpy": lambda x=x: float(x.sum()),  # type: ignore[misc]
            "plain_loop": lambda x=x: library.naive_sum(x.ctypes.data, x.size),  # type: ignore[misc]
            "kahan": lambda x=x: library.kahan_sum(x.ctypes.data, x.size),  # type: ignore[misc]
            "fsum": lambda x=x: math.fsum(x),  # type: ignore[misc]
        }
        found = {key: float(abs(Fraction(call()) - exact) / abs(exact)) for key, call in calls.items()}
        result.add(Row(f"relative error: {name}", found, found["ours"], found["numpy"]))


def sum_exactly(x: Array) -> Fraction:
    """In whole multiples of the smallest exponent."""
    mantissas, exponents = np.frexp(x)
    total = Fraction(0)
    for exponent in np.unique(exponents):
        whole = (mantissas[exponents == exponent] * 2.0**53).astype(np.int64)
        parts = int((whole >> 32).sum()) << 32, int((whole & 0xFFFFFFFF).sum())
        total += Fraction(sum(parts)) * Fraction(2) ** (int(exponent) - 53)
    return total


def fsum_time(result: Result, rounds: int) -> None:
    """What the exact sum of the standard library costs."""
    x = np.random.default_rng(0).random(1_000_000)
    calls: dict[str, Call] = {
        "numpy": x.sum,
        "math.fsum": lambda: math.fsum(x),
        "compensated": lambda: numeric.sum(x, compensated=True),
        "numpy again": x.sum,
    }
    rows_of(result, "8 MB", measure(calls, rounds), x.nbytes, {})


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "numeric", rounds=15)
    library = loops()
    versions = {"numpy": version("numpy"), "opencv": cv2.__version__}
    result = Result("numeric", "sums of NumPy data", {"rounds": options.rounds}, versions)
    large(result, library, options.rounds)
    small(result, library, options.rounds)
    sizes(result, library, options.rounds)
    of_targets(result, library, options.rounds)
    others(result, options.rounds)
    motion(result, options.rounds)
    fsum_time(result, min(options.rounds, 5))
    errors(result, library)
    result.keep(options.out)


if __name__ == "__main__":
    main()
