"""The wait of a thread for the GIL beside busy ones, and the costs of a release and a context switch."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from freshframe import _lab

from ..quantile import quantile
from . import free_threaded
from .machine import Machine
from .measure import Bench, counting, switch_interval, take_turns
from .table import Record, Result, Table, ms, ratio

_INTERVALS = (0.005, 0.001, 0.0002)  # seconds; the first is Python's own
_WORK = (10e-6, 100e-6, 1e-3, 10e-3)  # seconds
_PERIOD = 0.001  # seconds between two requests of the native thread for the GIL
_SLICE = 0.5  # seconds; Ctrl-C takes effect between slices


def run(bench: Bench, machine: Machine) -> Result:
    """Measures the three."""
    waits = _waits(bench)
    bench.say("the waits are measured; now the cost of a release ...")
    costs = _costs(bench)
    free = free_threaded.tables(bench, "contention")
    tables = [_waits_table(waits, free["waits"]), _costs_table(costs, free["costs"]), _switches(bench)]
    return Result("contention", tables, _meaning(waits, costs) if machine.gil else _without(waits, costs))


# --- waiting ------------------------------------------------------------------------------------------------

Waits = dict[tuple[int, float], list[float]]


def _waits(bench: Bench) -> Waits:
    """Waits in seconds by (busy threads, switch interval)."""
    cases = [(busy, interval) for busy in range(4) for interval in _INTERVALS[: 3 if busy else 1]]
    rounds, budget = (2, _SLICE / 2) if bench.quick else (4, _SLICE)
    runs = take_turns({repr(case): _asking(*case, budget) for case in cases}, rounds)
    return {case: [wait for run in runs[repr(case)] for wait in run] for case in cases}


def _asking(busy: int, interval: float, seconds: float) -> Callable[[], list[float]]:
    def work() -> list[float]:
        with counting(busy), switch_interval(interval):
            return _lab.gil_waits(1000, _PERIOD, seconds)

    return work


def _waits_table(waits: Waits, free: Sequence[Mapping[str, Any]] = ()) -> Table:
    beside = {(each["busy"], each["switch_interval"]): each for each in free}
    cells: list[list[str]] = []
    records: list[Record] = []
    for (busy, interval), found in waits.items():
        spread = {"p50": quantile(found, 0.5), "p90": quantile(found, 0.9), "p99": quantile(found, 0.99)}
        cells.append([str(busy), f"{interval * 1e3:g}", str(len(found)), *map(ms, spread.values())])
        record: Record = {"busy": busy, "switch_interval": interval, "asked": len(found), **spread}
        if free:
            there = beside[busy, interval]
            cells[-1] += [ms(there["p50"]), ms(there["p99"])]
            record = {**record, "free_threaded_p50": there["p50"], "free_threaded_p99": there["p99"]}
        records.append(record)
    return Table(
        "waits",
        "The time that a native thread waits for the GIL, ms",
        (
            *("busy Python threads", "switch interval, ms", "asked", "p50", "p90", "p99"),
            *((f"{free_threaded.COLUMN} p50", "p99") if free else ()),
        ),
        cells,
        records,
        left=0,
    )


# --- releasing ---------------------------------------------------------------------------------------------

Costs = dict[tuple[float, bool, bool], list[float]]


def _costs(bench: Bench) -> Costs:
    """Seconds per call by (CPU time of the work, GIL released, beside a busy thread)."""
    cases = [
        (work, released, beside) for work in _WORK for beside in (False, True) for released in (False, True)
    ]
    rounds, budget = (2, 0.05) if bench.quick else (4, 0.1)
    runs = take_turns({repr(case): _calling(*case, budget) for case in cases}, rounds)
    return {case: [time for run in runs[repr(case)] for time in run] for case in cases}


def _calling(work: float, released: bool, beside: bool, seconds: float) -> Callable[[], list[float]]:
    def calls() -> list[float]:
        times = []
        with counting(1 if beside else 0):
            now = time.perf_counter()
            end = now + seconds
            while now < end:
                _lab.compute(work, released)
                before, now = now, time.perf_counter()
                times.append(now - before)
        return times

    return calls


def _costs_table(costs: Costs, free: Sequence[Mapping[str, Any]] = ()) -> Table:
    ratios = {(each["work"], each["beside_busy_thread"]): each["ratio"] for each in free}
    cells: list[list[str]] = []
    records: list[Record] = []
    for work in _WORK:
        mean = {key: _mean(times) for key, times in costs.items() if key[0] == work}
        for beside in (False, True):
            held, released = mean[work, False, beside], mean[work, True, beside]
            cells.append(
                [
                    f"{work * 1e3:g}",
                    "a busy thread" if beside else "no other thread",
                    ms(held),
                    ms(released),
                    ratio(released / held),
                    *([ratio(ratios[work, beside])] if free else ()),
                ]
            )
            records.append(
                {
                    **({"free_threaded_ratio": ratios[work, beside]} if free else {}),
                    "work": work,
                    "beside_busy_thread": beside,
                    "held": held,
                    "held_p99": quantile(costs[work, False, beside], 0.99),
                    "released": released,
                    "released_p99": quantile(costs[work, True, beside], 0.99),
                    "ratio": released / held,
                }
            )
    return Table(
        "costs",
        "A call that computes: mean time with the GIL held and released, ms (switch interval 5 ms)",
        (
            *("work, ms", "beside", "held", "released", "released / held"),
            *((f"the same, {free_threaded.COLUMN}",) if free else ()),
        ),
        cells,
        records,
        left=0,
    )


# --- switching ---------------------------------------------------------------------------------------------


def _switches(bench: Bench) -> Table:
    """Times from a thread that stops to the thread that runs instead."""
    rounds, budget = (2, 0.05) if bench.quick else (4, 0.1)
    kinds: dict[str, Callable[[], list[float]]] = {
        "two native threads on one core": lambda: _lab.context_switches(budget, True),
        "two native threads on any core": lambda: _lab.context_switches(budget, False),
        "two Python threads, which wait for each other": lambda: _python_switches(budget),
    }
    found = {name: [time for run in runs for time in run] for name, runs in take_turns(kinds, rounds).items()}
    cells = [
        [name, f"{quantile(times, 0.5) * 1e6:.1f}", f"{quantile(times, 0.99) * 1e6:.1f}"]
        for name, times in found.items()
    ]
    records: list[Record] = [
        {"between": name, "p50": quantile(times, 0.5), "p99": quantile(times, 0.99)}
        for name, times in found.items()
    ]
    title = "A context switch: the time from one thread to the next, us (means of 200)"
    return Table("switches", title, ("between", "p50", "p99"), cells, records)


def _python_switches(seconds: float, turns: int = 100) -> list[float]:
    """Seconds per switch between two Python threads; each waits for a lock that the other releases."""
    there, back = threading.Semaphore(0), threading.Semaphore(0)
    ended = threading.Event()

    def answer() -> None:
        while there.acquire() and not ended.is_set():
            back.release()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    times: list[float] = []
    end = (began := time.perf_counter()) + seconds
    while began < end:
        for _ in range(turns):
            there.release()
            back.acquire()
        now = time.perf_counter()
        times.append((now - began) / (2 * turns))
        began = now
    ended.set()
    there.release()
    thread.join()
    return times


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _without(waits: Waits, costs: Costs) -> str:
    """The sentence for a Python whose GIL is off."""
    beside, short = quantile(waits[1, _INTERVALS[0]], 0.5), _WORK[1]
    let_go, held = _mean(costs[short, True, True]), _mean(costs[short, False, True])
    return (
        f"This Python has no GIL to wait for: a native thread attaches in {ms(beside)} ms (median) beside "
        f"one busy Python thread, and {short * 1e6:g} us of work take {let_go / held:.2f} times as long if "
        "the thread detaches meanwhile."
    )


def _meaning(waits: Waits, costs: Costs) -> str:
    alone, beside, three = (quantile(waits[busy, 0.005], 0.5) for busy in (0, 1, 3))
    short, work = _WORK[1], _WORK[-1]
    let_go = _mean(costs[short, True, True])
    long = _mean(costs[work, True, True]) / _mean(costs[work, False, True])
    if beside < 10 * alone or let_go < 2 * short:
        return (
            f"Not as expected: a native thread waited {ms(beside)} ms for the GIL beside one busy Python "
            f"thread, {ms(alone)} ms alone, and {short * 1e6:g} us of work took {ms(let_go)} ms if it "
            "released the GIL."
        )
    verdict = "has little effect on long work" if long < 1.3 else "slows down even long work"
    return (
        f"A thread waits {ms(beside)} ms (median) for the GIL beside one busy Python thread, and {ms(three)} "
        f"ms beside three: a release around {short * 1e6:g} us of work makes that work take {ms(let_go)} ms, "
        f"and it {verdict} ({work * 1e3:g} ms take {long:.2f} times as long as with the GIL held)."
    )
