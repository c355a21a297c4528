"""Five calls of a native function on a thread pool: GIL held, released around the call or in a part of it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from freshframe import _lab

from .machine import Machine
from .measure import Bench, take_turns, timed
from .table import Record, Result, Table, ms, ratio

CALLS = 5
QUICK = 0.03  # seconds of a call of a quick run
_CHEAP = 1000  # additions in the part that is not worth a release
_STYLES: dict[str, Callable[[int, float, bool], int]] = {
    "held": _lab.call_held,
    "call guard": _lab.call_guarded,
    "scoped release": _lab.call_scoped,
}


def run(bench: Bench, machine: Machine) -> Result:
    """Times five calls on a pool, that wait and that compute, once per way to hold the GIL."""
    seconds, rounds = (QUICK, 3) if bench.quick else (0.1, 7)
    cells: list[list[str]] = []
    records: list[Record] = []
    ratios: dict[tuple[str, bool], float] = {}
    for computes in (False, True):
        work = "computes" if computes else "waits"
        kinds: dict[str, Callable[[], float]] = {"one": _one(seconds, computes)}
        kinds |= {style: _five(style, seconds, computes) for style in _STYLES}
        best = {name: min(times) for name, times in take_turns(kinds, rounds).items()}
        for style in _STYLES:
            expected = float(CALLS) if style == "held" else _least(machine) if computes else 1.0
            ratios[style, computes] = best[style] / best["one"]
            cells.append([work, style, ms(best["one"]), ms(best[style])])
            cells[-1] += [ratio(ratios[style, computes]), ratio(expected)]
            records.append(
                {
                    "work": work,
                    "style": style,
                    "calls": CALLS,
                    "one": best["one"],
                    "seconds": best[style],
                    "ratio": ratios[style, computes],
                    "expected": expected,
                }
            )
    table = Table(
        "calls",
        f"{CALLS} calls at once, shortest of {rounds} runs",
        ("the function", "GIL", "one call, ms", f"{CALLS} calls, ms", "ratio", "expected"),
        cells,
        records,
        left=2,
    )
    return Result("call-guard", [table], _meaning(ratios, machine))


def _one(seconds: float, computes: bool) -> Callable[[], float]:
    return lambda: timed(lambda: _lab.call_held(_CHEAP, seconds, computes))


def _five(style: str, seconds: float, computes: bool) -> Callable[[], float]:
    function = _STYLES[style]

    def work() -> None:
        with ThreadPoolExecutor(CALLS) as pool:
            wait([pool.submit(function, _CHEAP, seconds, computes) for _ in range(CALLS)])

    return lambda: timed(work)


def _least(machine: Machine) -> float:
    """The time of the calls that compute, as a multiple of one call, if only the cores limit them."""
    share = max(1.0, CALLS / machine.usable)
    return (
        math.ceil(share) if machine.real_time else share
    )  # with real-time priority they do not share a core


def _meaning(ratios: dict[tuple[str, bool], float], machine: Machine) -> str:
    held, guarded = ratios["held", False], max(ratios["call guard", False], ratios["scoped release", False])
    computed = max(ratios["call guard", True], ratios["scoped release", True])
    if held < 0.8 * CALLS or guarded > 1.5:
        return (
            f"Not as expected: {CALLS} calls that wait took {held:.1f} times as long as one call with the "
            f"GIL held, and {guarded:.1f} times as long without it, instead of {CALLS} and 1."
        )
    least = _least(machine)
    cores = "1 core" if machine.cores == 1 else f"{machine.usable:g} cores"
    verdict = (
        f"take {computed:.1f} on {cores}"
        if computed < 1.3 * least
        else f"took {computed:.1f} instead of the {least:.1f} that {cores} allow"
    )
    return (
        f"While one call holds the GIL, the other four wait (all take {held:.1f} times as long as one); if "
        f"the calls release it, those that wait overlap ({guarded:.1f}), and those that compute {verdict}."
    )
