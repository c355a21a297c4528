"""The GIL watch as an object: its counters and records, its callback, only one at a time, unsupported
interpreters.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import logging
import os
import sys
import threading
import types
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rigs import gil_holds
from rigs.gil_holds import WAYS, blocked
from support import WATCHDOG, at_once, run_program, until

import freshframe as ff
from freshframe import gil

pytestmark = pytest.mark.needs_gil

needs_compiler = pytest.mark.skipif(gil_holds.library() is None, reason="no C compiler")


@needs_compiler
def test_the_summary_counts_by_culprit() -> None:
    with gil.watch() as watch:
        for _ in range(4):
            gil_holds.module().block(30)
        gil_holds.module().burn(60)
        until(lambda: gil_holds.module().block(30) and blocked(watch), "a stall to be reported")
    # The calls of the loop and those of until() are reported separately, because they are on different lines.
    culprit = next(each for each in watch.summary() if each.native == WAYS["extension-block"].expected)
    durations = [
        stall.duration
        for stall in watch.stalls
        if (stall.native, stall.python, stall.program) == (culprit.native, culprit.python, culprit.program)
    ]
    assert culprit.count == len(durations)
    assert culprit.total == pytest.approx(sum(durations))
    assert culprit.max == max(durations)
    assert min(durations) <= culprit.p50 <= culprit.max
    assert f"{culprit.count:>6}" in watch.table()
    assert str(culprit.native) in watch.table()


@needs_compiler
def test_only_so_many_stalls_are_kept_and_all_are_counted() -> None:
    watch = gil.watch(0.01, max_stalls=3)
    with watch:
        until(lambda: gil_holds.module().block(30) and watch.dropped > 0, "more stalls than are kept")
    assert len(watch.stalls) <= 3
    assert watch.dropped + len(watch.stalls) == sum(culprit.count for culprit in watch.summary())
    assert watch.dropped > 0


@needs_compiler
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_on_stall_gets_each_and_its_exception_is_logged_once(
    caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    seen: list[gil.GilStall] = []

    def on_stall(stall: gil.GilStall) -> None:
        seen.append(stall)
        raise error("on purpose")

    with caplog.at_level(logging.ERROR, "freshframe"), gil.watch(0.01, on_stall=on_stall) as watch:
        until(lambda: gil_holds.module().block(30) and len(seen) > 1, "two stalls to be reported")
    assert seen == watch.stalls
    assert len(seen) > 1
    assert [record.getMessage() for record in caplog.records] == [
        "on_stall of the GIL watch raised; further errors of it are not logged"
    ]


@needs_compiler
def test_on_stall_may_end_the_watch() -> None:
    watch = gil.watch(0.01, on_stall=lambda stall: watch.close())
    with watch:
        until(lambda: gil_holds.module().block(30) and not watch.active, "on_stall to end the watch")
        assert watch.stalls  # perhaps also of a stall during which its thread had no CPU

        def finds_nothing() -> bool:
            found = len(watch.stalls)
            return all(gil_holds.module().block(30) and len(watch.stalls) == found for _ in range(3))

        until(finds_nothing, "the end of the watch's thread")


@needs_compiler
def test_a_pipelines_stats_carry_the_stalls_while_a_watch_is_active() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open("demo:circles?size=64x48"))
    with pipeline:
        assert pipeline.stats().gil.stalls is None
        with gil.watch() as watch:
            assert pipeline.stats().gil.stalls is not None
            until(lambda: gil_holds.module().block(30) and blocked(watch), "a stall to be reported")
            found = pipeline.stats().gil
            assert WAYS["extension-block"].expected in {culprit.native for culprit in found.culprits}
            assert found.stalls is not None
            assert found.stalls >= len(found.culprits)
            assert found.stalled_total >= blocked(watch)[0].duration
        assert pipeline.stats().gil == gil.GilStats(found.wait, found.hold)


def test_results_are_plain_frozen_data() -> None:
    culprit = gil.GilCulprit("libc.so.6:usleep", "a.py:1:f", 1, 0.03, 0.03, 0.03)
    with pytest.raises(dataclasses.FrozenInstanceError):
        culprit.count = 2  # type: ignore[misc]
    assert not hasattr(culprit, "__dict__")
    assert "__slots__" in vars(gil.GilStall)


def test_a_second_watch_is_refused_and_the_first_goes_on() -> None:
    with gil.watch() as first:
        with pytest.raises(RuntimeError, match="a GIL watch is already active"), gil.watch():
            pass
        assert first.active
    with pytest.raises(RuntimeError, match="was already used"), first:
        pass


def test_of_two_threads_that_start_one_watch_each_one_wins() -> None:
    tried = threading.Barrier(2)

    def start(watch: Any) -> str:
        try:
            with watch:
                tried.wait(WATCHDOG)
                return "started"
        except RuntimeError as error:
            tried.wait(WATCHDOG)
            return str(error)

    assert sorted(at_once(*(partial(start, gil.watch()) for _ in range(2)))) == [
        "a GIL watch is already active; a process can have only one at a time",
        "started",
    ]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0,), {}, "threshold must be 0.001 to 60 seconds, got 0"),
        ((float("nan"),), {}, "threshold must be"),
        ((100,), {}, "threshold must be"),
        (("10ms",), {}, "threshold must be a number of seconds, got '10ms'"),
        ((True,), {}, "threshold must be a number of seconds"),
        ((), {"on_stall": 3}, "on_stall must be a function"),
        ((), {"max_stalls": -1}, "max_stalls must be a whole number of stalls"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[Any, ...], options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        gil.watch(*arguments, **options)


def test_other_interpreters_are_refused_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "implementation", types.SimpleNamespace(name="pypy"))
    with pytest.raises(
        RuntimeError, match=r"not supported on this interpreter \(pypy .*CPython 3.10 to 3.15"
    ):
        gil.watch().__enter__()


def test_an_interpreter_whose_records_differ_is_refused_and_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gil_budget import _gil  # noqa: PLC0415

    monkeypatch.setattr(_gil, "frames_now", lambda: [("elsewhere.py", "f", 1)])
    with pytest.raises(RuntimeError, match="the layout of its frames differs"):
        gil.watch().__enter__()
    monkeypatch.setattr(
        _gil, "unsupported", lambda: "this Python is built without a GIL: no thread can hold it"
    )
    with pytest.raises(RuntimeError, match="built without a GIL: no thread can hold it"):
        gil.watch().__enter__()
    monkeypatch.undo()
    with gil.watch():
        pass


@pytest.mark.slow
def test_starting_and_stopping_leaves_nothing_behind() -> None:
    def counts() -> tuple[int, int, int]:
        maps = Path("/proc/self/maps").read_text().count("perf_event")
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), maps

    def once() -> None:
        with gil.watch(0.005):
            gil_holds.loop(0.01)
            sorted(gil_holds.numbers()[:30_000])

    once()
    before = counts()
    for _ in range(20):
        once()
    until(lambda: counts() == before, "files, threads and mappings to be given back")


@pytest.mark.slow
def test_the_watch_loads_with_its_first_use() -> None:
    ended = run_program("""
        import sys, pathlib
        import freshframe as ff
        maps = pathlib.Path("/proc/self/maps")
        assert "freshframe.gil" not in sys.modules and "libdw" not in maps.read_text()
        with ff.gil.watch():
            assert "libdw" in maps.read_text()
    """)
    assert (ended.code, ended.err) == (0, "")
