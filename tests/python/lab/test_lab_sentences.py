"""The sentences of `freshframe lab` follow its figures, and a machine says what makes them worth less."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

from freshframe._cli.lab import call_guard, contention, fibonacci, frozen_game, sums
from freshframe._cli.lab.machine import Machine, look
from freshframe._cli.lab.measure import Spent, take_turns

MACHINE = Machine(
    processor="a processor", cores=2, quota=None, busy=0.0, real_time=False, python="3.11.7", gil=True
)

EXPECTED = {
    "gil": 1.0,
    "nogil": 1.0,
    "gil+gil": 2.0,
    "nogil-then-gil": 1.0,
    "gil-then-nogil": 2.0,
    "nogil+nogil": 1.0,
}


def test_the_sentence_of_fibonacci_follows_the_figures() -> None:
    usual = fibonacci._meaning(EXPECTED, MACHINE)
    assert "2.00 times" in usual
    assert "Not as" not in usual
    slow = fibonacci._meaning({**EXPECTED, "nogil+nogil": 1.7}, MACHINE)
    assert slow.startswith(
        "Not as expected: nogil+nogil took 1.70 instead of 1; two threads did not get a core"
    )
    assert "one core" in fibonacci._meaning({**EXPECTED, "nogil+nogil": 2.0}, one_core())
    free = fibonacci._meaning({**EXPECTED, "gil+gil": 1.0, "gil-then-nogil": 1.0}, MACHINE)
    assert free.startswith("Not as expected: gil+gil took 1.00 instead of 2, gil-then-nogil")


def without_gil() -> Machine:
    return dataclasses.replace(MACHINE, gil=False)


def test_without_a_gil_all_four_rows_of_fibonacci_are_one() -> None:
    ratios = dict.fromkeys(EXPECTED, 1.0)
    assert "This Python has no GIL to hold: two calls take 1.00" in fibonacci._meaning(ratios, without_gil())
    assert fibonacci._meaning(EXPECTED, without_gil()).startswith(
        "Not as expected: gil+gil took 2.00 instead of 1"
    )
    found = {
        fibonacci.OURS: {case: Spent(wall, 1.0) for case, wall in EXPECTED.items()},
        "free-threaded": {case: Spent(wall, 1.0) for case, wall in ratios.items()},
    }
    table = fibonacci._table(found, {}, 10, 3, MACHINE)
    assert table.headings[-2] == "free-threaded"
    assert [row[-2] for row in table.cells[:6]] == ["1.00"] * 6
    assert {row["expected"] for row in table.records if row["binding"] == "free-threaded"} == {1}


def test_contention_shows_a_free_threaded_python_beside() -> None:
    waits = {(busy, 0.005): [0.005 * busy + 1e-6] for busy in range(4)}
    there = [{"busy": busy, "switch_interval": 0.005, "p50": 1e-6, "p99": 2e-6} for busy in range(4)]
    table = contention._waits_table(waits, there)
    assert table.headings[-2:] == ("free-threaded p50", "p99")
    assert all(row["free_threaded_p50"] == 1e-6 for row in table.records)
    assert contention._waits_table(waits).headings[-1] == "p99"
    costs = {
        (work, let_go, beside): [work]
        for work in contention._WORK
        for let_go in (False, True)
        for beside in (False, True)
    }
    ratios = [
        {"work": w, "beside_busy_thread": b, "ratio": 1.0} for w in contention._WORK for b in (False, True)
    ]
    assert contention._costs_table(costs, ratios).headings[-1] == "the same, free-threaded"
    assert "This Python has no GIL to wait for" in contention._without(waits, costs)


def test_the_sentence_of_call_guard_follows_the_figures() -> None:
    usual = {(style, computes): 5.0 for style in call_guard._STYLES for computes in (False, True)}
    usual |= {("call guard", False): 1.0, ("scoped release", False): 1.0}
    usual |= {("call guard", True): 2.5, ("scoped release", True): 2.5}
    assert "those that compute take 2.5 on 2 cores" in call_guard._meaning(usual, MACHINE)
    loaded = {**usual, ("scoped release", True): 4.0}
    assert "took 4.0 instead of the 2.5 that 2 cores allow" in call_guard._meaning(loaded, MACHINE)
    assert call_guard._meaning({**usual, ("held", False): 1.0}, MACHINE).startswith("Not as expected")


def test_the_sentence_of_sum_follows_the_figures() -> None:
    speeds = {sums.NUMPY: 1.0, sums.OURS: 2.0}
    errors = {sums.NUMPY: (1e-16, 2e-14), sums.OURS: (0.0, 0.0)}
    shares = {sums.LOOP_HELD: 0.0, sums.LOOP_RELEASED: 1.02, sums.OURS: 0.99}
    usual = sums._meaning(speeds, errors, shares, 32_000_000)
    assert "does 0% of its work, 100% if" in usual
    assert "2.0 times as fast as numpy.sum with a relative error of at most 0 here (numpy.sum 2e-14)" in usual
    assert "is as fast as" in sums._meaning({**speeds, sums.OURS: 1.01}, errors, shares, 1)
    busy = sums._meaning(speeds, errors, {**shares, sums.OURS: 0.3}, 1)
    assert busy.startswith("Not as expected")


def test_the_sentence_of_frozen_game_follows_the_figures() -> None:
    kinds = frozen_game._KINDS
    intervals = {kind: [0.0167, 0.0167] for kind in kinds}
    frames = dict.fromkeys(kinds, 100)
    usual = dict(zip(kinds, (0, 75, 70, 0, 0), strict=True))
    assert "miss 75%" in frozen_game._meaning(intervals, usual, frames, MACHINE)
    crowded = frozen_game._meaning(intervals, {**usual, "freshframe": 30}, frames, MACHINE)
    assert "misses 30% (alone 0%)" in crowded
    smooth = frozen_game._meaning(intervals, dict.fromkeys(kinds, 0), frames, MACHINE)
    assert smooth.startswith("Not as expected")


def test_the_sentence_of_contention_follows_the_figures() -> None:
    waits = {(busy, 0.005): [0.005 * busy + 1e-6] for busy in range(4)}
    costs = {
        (work, released, beside): [work + (0.005 if released and beside else 0)]
        for work in contention._WORK
        for released in (False, True)
        for beside in (False, True)
    }
    usual = contention._meaning(waits, costs)
    assert "waits 5.00 ms" in usual
    assert "work take 5.10 ms" in usual
    assert "slows down even long work (10 ms take 1.50 times" in usual
    quiet = contention._meaning({key: [1e-6] for key in waits}, costs)
    assert quiet.startswith("Not as expected")


def one_core() -> Machine:
    return Machine(
        processor="a processor", cores=1, quota=None, busy=0.0, real_time=False, python="3.11.7", gil=True
    )


def test_a_machine_says_what_makes_its_figures_worth_less() -> None:
    assert MACHINE.warnings == []
    assert "one core" in one_core().warnings[0]
    facts = {"processor": "a processor", "cores": 2, "quota": None, "real_time": False, "python": "3.11.7"}
    busy: Any = {**facts, "busy": 1.5, "gil": True}
    assert "other programs use 1.5 cores" in Machine(**busy).warnings[0]
    assert Machine(**{**busy, "real_time": True}).warnings == []
    assert "without a GIL" in Machine(**{**busy, "busy": 0.0, "gil": False}).warnings[0]
    assert "1.5 of its 2 cores" in Machine(**{**busy, "busy": 0.0, "quota": 1.5}).warnings[0]


def test_the_machine_is_looked_at() -> None:
    found = look()
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.busy is None or 0 <= found.busy <= (os.cpu_count() or 1)
    assert found.gil == getattr(sys, "_is_gil_enabled", lambda: True)()


def test_kinds_take_turns_and_each_begins_once() -> None:
    order: list[str] = []
    results = take_turns({name: lambda name=name: order.append(name) for name in "abc"}, 3)  # type: ignore[misc]
    assert "".join(order) == "abcbcacab"
    assert {name: len(found) for name, found in results.items()} == {"a": 3, "b": 3, "c": 3}
