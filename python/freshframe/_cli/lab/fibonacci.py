"""Two Fibonacci calls on two threads, GIL held or released, in three libraries; and a double release."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from freshframe import _lab

from . import double_release, free_threaded
from .machine import Machine
from .measure import Bench, Spent, spent, take_turns, timed
from .table import Record, Result, Table, ms, ratio
from .twins import BINDINGS, Twins

Function = Callable[[int, bool], int]

_GIL, _NOGIL = False, True
_CASES: dict[str, tuple[bool, ...]] = {
    "gil": (_GIL,),
    "nogil": (_NOGIL,),
    "gil+gil": (_GIL, _GIL),
    "nogil-then-gil": (_NOGIL, _GIL),
    "gil-then-nogil": (_GIL, _NOGIL),
    "nogil+nogil": (_NOGIL, _NOGIL),
}
_EXPECTED = {"gil": 1, "nogil": 1, "gil+gil": 2, "nogil-then-gil": 1, "gil-then-nogil": 2, "nogil+nogil": 1}
_EXPECTED_WITHOUT = dict.fromkeys(_EXPECTED, 1)  # a GIL
OURS = "freshframe on nanobind"
_CPU = "the same, processor time"  # in OURS two calls need as much, whether or not they overlap


def run(bench: Bench, machine: Machine) -> Result:
    """Measures the pairs of calls, then what a double release does."""
    # Other bindings' modules would switch the GIL of a free-threaded Python on.
    twins = Twins.find(bench) if machine.gil else Twins.none("it would switch the GIL on")
    functions: dict[str, Function] = {OURS: _lab.fibonacci}
    others = [name for name in BINDINGS if name != "nanobind"]  # nanobind itself is measured as ours
    functions |= {name: twins.modules[name].fibonacci for name in others if name in twins.modules}
    missing = {name: twins.missing[name] for name in others if name in twins.missing}
    seconds, rounds = (0.03, 3) if bench.quick else (0.1, 9)
    n = round(seconds / timed(lambda: _lab.fibonacci(10_000_000, _GIL)) * 10_000_000)
    kinds = {
        f"{name}/{case}": _together(function, n, habits)
        for name, function in functions.items()
        for case, habits in _CASES.items()
    }
    best = {key: min(runs) for key, runs in take_turns(kinds, rounds).items()}
    found = {name: {case: best[f"{name}/{case}"] for case in _CASES} for name in functions}
    if free := read_our_times(free_threaded.tables(bench, "fibonacci")["threads"]):
        found[free_threaded.COLUMN] = free
    releases, printed = double_release.table(bench, twins)
    return Result(
        "fibonacci",
        [_table(found, missing, n, rounds, machine), releases],
        _meaning({case: found[OURS][case].wall / found[OURS]["gil"].wall for case in _CASES}, machine),
        drawing=printed,
        notes=[f"{name} is not measured: {_in_short(why)}" for name, why in missing.items()],
    )


def read_our_times(records: Sequence[Mapping[str, Any]]) -> dict[str, Spent]:
    """Returns the times by case. The other Python lists other bindings as missing."""
    return {
        record["case"]: Spent(record["seconds"], record["cpu_seconds"])
        for record in records
        if record["binding"] == OURS
    }


def _in_short(reason: str) -> str:
    """The first lines of a reason, which may contain the whole output of a compiler."""
    first, *rest = [line.strip() for line in reason.splitlines() if line.strip()]
    return " ".join([first, *rest[:2]])


def _together(function: Function, n: int, habits: tuple[bool, ...]) -> Callable[[], Spent]:
    """All at once, started in this order, without a pause in between."""

    def work() -> None:
        threads = [threading.Thread(target=function, args=(n, habit), daemon=True) for habit in habits]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return lambda: spent(work)


def _expected(machine: Machine) -> Mapping[str, int]:
    return _EXPECTED if machine.gil else _EXPECTED_WITHOUT


def _table(
    found: Mapping[str, Mapping[str, Spent]],
    missing: Mapping[str, str],
    n: int,
    rounds: int,
    machine: Machine,
) -> Table:
    names = [*found, *missing]
    expected = _expected(machine)
    ours = found[OURS]
    cells = [
        [
            case,
            str(expected[case]),
            *(_cell(found.get(name), case) for name in names),
            ratio(ours[case].cpu / ours["gil"].cpu),
        ]
        for case in _CASES
    ]
    cells.append(
        [
            "gil, ms",
            "",
            *(ms(found[name]["gil"].wall) if name in found else "-" for name in names),
            ms(ours["gil"].cpu),
        ]
    )
    records: list[Record] = []
    for name in names:
        times = found.get(name)
        records += [
            {
                "binding": name,
                "case": case,
                "n": n,
                "seconds": None if times is None else times[case].wall,
                "ratio": None if times is None else times[case].wall / times["gil"].wall,
                "cpu_seconds": None if times is None else times[case].cpu,
                "cpu_ratio": None if times is None else times[case].cpu / times["gil"].cpu,
                "expected": 1 if name == free_threaded.COLUMN else expected[case],
                "missing": missing.get(name),
            }
            for case in _CASES
        ]
    title = f"Two threads, each one call; time as a ratio to one call with the GIL, shortest of {rounds} runs"
    return Table("threads", title, ("case", "expected", *names, _CPU), cells, records)


def _cell(times: Mapping[str, Spent] | None, case: str) -> str:
    return ratio(None if times is None else times[case].wall / times["gil"].wall)


def _meaning(ratios: Mapping[str, float], machine: Machine) -> str:
    expected = _expected(machine)
    strange = [case for case, value in ratios.items() if abs(value - expected[case]) > 0.35]
    if strange:
        what = ", ".join(f"{case} took {ratios[case]:.2f} instead of {expected[case]}" for case in strange)
        cause = (
            "two threads cannot run in parallel on one core"
            if machine.usable < 2
            else "two threads did not get a core each"
            if all(ratios[case] > expected[case] for case in strange)
            else "the runs differ by more than this effect"
        )
        return f"Not as expected: {what}; {cause}."
    if not machine.gil:
        return (
            f"This Python has no GIL to hold: two calls take {ratios['gil+gil']:.2f} times as long as one, "
            f"whether or not they release it, and in any order (at most {max(ratios.values()):.2f})."
        )
    return (
        f"Two calls that hold the GIL take {ratios['gil+gil']:.2f} times as long as one; if only one "
        f"releases it, the order matters: they overlap ({ratios['nogil-then-gil']:.2f}) if that one starts "
        f"first, and do not ({ratios['gil-then-nogil']:.2f}) if it first has to wait for the other."
    )
