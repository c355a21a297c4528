"""A large sum in several ways: speed, error, and the progress of another Python thread meanwhile."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from freshframe import _lab, numeric

from .machine import Machine
from .measure import Bench, switch_interval, take_turns, timed
from .table import Record, Result, Table, ratio

Kernel = Callable[[npt.NDArray[np.float64]], float]

NUMPY, OURS = "numpy.sum", "numeric.sum"
LOOP_HELD, LOOP_RELEASED = "one loop, GIL held", "one loop, GIL released"
_COMPENSATED, _EXACT = "numeric.sum, compensated", "math.fsum"
_SLOW = 16  # math.fsum makes an object of every number: it gets only one of this number
_PATIENCE = 10.0  # seconds; the switch interval while the other thread is watched: no thread pauses
_TICK = 50e-6  # seconds that the other thread sleeps between two ticks
_HARD = 1_000_000  # numbers


def run(bench: Bench, machine: Machine) -> Result:
    """Times each way to add, then its error, then the progress of another thread."""
    count, rounds = (4_000_000, 3) if bench.quick else (12_000_000, 7)
    kernels = _kernels(machine)
    values = np.random.default_rng(1).standard_normal(count)
    given = {name: values[: count // _SLOW] if name == _EXACT else values for name in kernels}
    turns = {name: _timing(kernel, given[name]) for name, kernel in kernels.items()}
    best = {name: min(times) for name, times in take_turns(turns, rounds).items()}
    errors = _errors(kernels)
    bench.say("speed and error are measured; now the progress of another thread ...")
    shares = _shares(kernels, given, rounds)
    speeds = {name: given[name].nbytes / seconds for name, seconds in best.items()}
    table = _table(speeds, errors, shares, values.nbytes)
    notes = [f"{_EXACT} added one of {_SLOW} numbers only"]
    if 2 <= machine.usable < 3:
        notes.append("two threads that add use both cores, so the other thread cannot run beside them")
    return Result("sum", [table], _meaning(speeds, errors, shares, values.nbytes), notes=notes)


def _kernels(machine: Machine) -> dict[str, Kernel]:
    kernels: dict[str, Kernel] = {
        NUMPY: lambda x: float(np.sum(x)),
        OURS: numeric.sum,
        _COMPENSATED: lambda x: numeric.sum(x, compensated=True),
        LOOP_RELEASED: lambda x: _lab.sum(x, True),
        LOOP_HELD: lambda x: _lab.sum(x, False),
        _EXACT: math.fsum,
    }
    if machine.usable >= 2:
        kernels[f"{OURS}, 2 threads"] = lambda x: numeric.sum(x, threads=2)
    return kernels


def _timing(kernel: Kernel, values: npt.NDArray[np.float64]) -> Callable[[], float]:
    return lambda: timed(lambda: kernel(values))


def _errors(kernels: Mapping[str, Kernel]) -> dict[str, tuple[float, float]]:
    """Relative errors for a million times 0.1, and for numbers of either sign over 16 decades."""
    random = np.random.default_rng(2)
    tenths = np.full(_HARD, 0.1)
    decades = random.standard_normal(_HARD) * 10.0 ** random.uniform(-8, 8, _HARD)
    found = {}
    for name, kernel in kernels.items():
        one, other = (abs(kernel(x) - math.fsum(x)) / abs(math.fsum(x)) for x in (tenths, decades))
        found[name] = (one, other)
    return found


class _Ticker(threading.Thread):
    """A Python thread that needs the GIL for a moment, thousands of times a second."""

    def __init__(self) -> None:
        super().__init__(name="lab-ticker", daemon=True)
        self.ticks = 0
        self.ended = False

    def run(self) -> None:
        """Ticks until `ended` is set."""
        while not self.ended:
            time.sleep(_TICK)
            self.ticks += 1


def _shares(
    kernels: Mapping[str, Kernel], given: Mapping[str, npt.NDArray[np.float64]], rounds: int
) -> dict[str, float]:
    """The ticks of another thread while each kernel runs, as a share of its ticks without one."""
    ticker = _Ticker()
    ticker.start()
    try:
        with switch_interval(_PATIENCE):
            rate = _ticks_during(ticker, lambda: time.sleep(0.3))
            turns = {name: _watching(ticker, kernel, given[name]) for name, kernel in kernels.items()}
            found = take_turns(turns, rounds)
    finally:
        ticker.ended = True
        ticker.join()
    return {name: statistics.median(rates) / rate for name, rates in found.items()}


def _watching(ticker: _Ticker, kernel: Kernel, values: npt.NDArray[np.float64]) -> Callable[[], float]:
    return lambda: _ticks_during(ticker, lambda: kernel(values))


def _ticks_during(ticker: _Ticker, work: Callable[[], object]) -> float:
    """Ticks per second."""
    before = ticker.ticks
    seconds = timed(work)
    return (ticker.ticks - before) / seconds


def _table(
    speeds: Mapping[str, float],
    errors: Mapping[str, tuple[float, float]],
    shares: Mapping[str, float],
    size: int,
) -> Table:
    cells: list[list[str]] = []
    records: list[Record] = []
    for name, speed in speeds.items():
        tenths, decades = errors[name]
        cells.append([name, f"{speed / 1e9:.2f}", ratio(speed / speeds[NUMPY])])
        cells[-1] += [_error(tenths), _error(decades), _percent(shares[name])]
        records.append(
            {
                "kernel": name,
                "bytes_per_second": speed,
                "speed_to_numpy": speed / speeds[NUMPY],
                "error_tenths": tenths,
                "error_decades": decades,
                "other_thread": shares[name],
            }
        )
    return Table(
        "kernels",
        f"The sum of {size / 1e6:.0f} MB of float64; relative error of a million 0.1, and over 16 decades",
        ("way", "GB/s", "x numpy", "error 0.1", "16 decades", "other thread"),
        cells,
        records,
    )


def _error(value: float) -> str:
    return f"{value:.0e}" if value else "0"


def _percent(share: float) -> str:
    return f"{min(share, 1):.0%}"  # the ticks are a little irregular


def _meaning(
    speeds: Mapping[str, float],
    errors: Mapping[str, tuple[float, float]],
    shares: Mapping[str, float],
    size: int,
) -> str:
    speed = speeds[OURS] / speeds[NUMPY]
    held, released, ours = shares[LOOP_HELD], shares[LOOP_RELEASED], shares[OURS]
    if held > 0.2 or released < 0.6 or ours < 0.6:
        return (
            f"Not as expected: another Python thread did {held:.0%} of its work while a loop held the "
            f"GIL, {released:.0%} while the loop released it, and {ours:.0%} beside numeric.sum."
        )
    word = "as fast as" if 0.95 < speed < 1.05 else f"{speed:.1f} times as fast as"
    worst, other = max(errors[OURS]), max(errors[NUMPY])
    return (
        f"While a loop that holds the GIL adds {size / 1e6:.0f} MB, another Python thread does "
        f"{_percent(held)} of its work, {_percent(released)} if the loop releases the GIL, and "
        f"{_percent(ours)} beside numeric.sum, which is {word} numpy.sum with a relative error of at most "
        f"{_error(worst)} here (numpy.sum {_error(other)})."
    )
