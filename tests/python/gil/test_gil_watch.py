"""freshframe.gil: reports the holder of the GIL, does not disturb threads, and cleans up."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import dataclasses
import json
import opcode
import os
import re
import subprocess
import sys
import sysconfig
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs import gil_holds
from rigs.gil_holds import WAYS, Way, blocked
from support import WATCHDOG, until

from freshframe import gil

pytestmark = pytest.mark.needs_gil

needs_compiler = pytest.mark.skipif(gil_holds.library() is None, reason="no C compiler")

STALLS = 20

ENOUGH = 0.8  # minimum fraction of the stalls that the watch examined in time

SOME = 0.5  # minimum fraction of all stalls: on a loaded machine, the watch gets a CPU too late for some


def stalls_of(way: Way, wanted: int = STALLS, **options: Any) -> tuple[list[gil.GilStall], list[float]]:
    """Returns at least this many stalls, and how long each call took.

    A loaded machine hides some of the calls.
    """
    way.run()
    watch = gil.watch(0.01)
    watch._options.update(options)
    took: list[float] = []
    with watch:
        for _ in range(40):
            took += gil_holds.repeat(way, wanted)
            if sum(stall.thread == "keeper" for stall in watch.stalls) >= wanted:
                break
    return [stall for stall in watch.stalls if stall.thread == "keeper"], took


@pytest.mark.slow
@pytest.mark.table(cases=4)
@pytest.mark.repeats
@needs_compiler
@pytest.mark.parametrize("name", WAYS)
def test_who_kept_the_gil_is_named(name: str) -> None:
    way = WAYS[name]
    stalls, took = stalls_of(way)
    right = [stall for stall in stalls if gil_holds.named_right(way, stall)]
    assert len(stalls) >= STALLS
    close = [stall for stall in stalls if stall.native_stack]  # none of bytecode
    # A thread whose sleep has ended is not blocked any more: on a busy machine, it waits for a CPU.
    functions = [stall for stall in close if gil_holds.functions_right(way, stall)]
    assert len(functions) >= ENOUGH * len(close), [str(stall) for stall in close]
    assert len(right) >= SOME * len(stalls), [str(stall) for stall in stalls]
    assert all(stall.duration >= 0.01 and stall.held > 0 and stall.delayed >= 0 for stall in stalls)
    assert {stall.cause for stall in right} == {"bytecode" if name == "bytecode" else "call"}
    if way.state == "blocked":
        assert {stall.system_call for stall in right} == {way.system_call}
        assert min(took) >= gil_holds.HOLD_MS * 1e-3, "a sleep was cut short"


@pytest.mark.slow
@pytest.mark.table(cases=1)
@needs_compiler
@pytest.mark.parametrize("timer_only", [False, True])
def test_the_native_function_and_the_line_are_of_one_call_on_a_busy_machine_too(timer_only: bool) -> None:
    """Two functions alternate, next to processes that compete with the watch for the CPUs."""
    expected = {"call_extension_burn": ":py_burn", "call_ctypes_burn": ":hold_burn"}
    ways = [WAYS["extension-burn"], WAYS["ctypes-burn"]]
    for way in ways:
        way.run()
    loop = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(loop) for _ in range(2 * (os.cpu_count() or 1))]
    done = threading.Event()

    def wants_it() -> None:
        while not done.wait(0.001):
            pass

    victim = threading.Thread(target=wants_it, name="victim")
    victim.start()
    watch = gil.watch(0.01)
    watch._options["timer_only"] = timer_only
    try:
        with watch:
            for _ in range(100):
                for way in ways:
                    way.run()
                if sum(stall.native is not None for stall in watch.stalls) >= STALLS:
                    break
    finally:
        for process in busy:
            process.kill()
            process.wait()
        done.set()
        victim.join()
    named = [stall for stall in watch.stalls if stall.native is not None]
    pairs = [(str(stall.native), str(stall.python).rsplit(":", 1)[1]) for stall in named]
    wrong = [(native, line) for native, line in pairs if not native.endswith(expected.get(line, ""))]
    assert wrong == []
    # For most calls here, the timer's signal arrives too late, so they have no native name.
    assert timer_only or pairs, [str(stall) for stall in watch.stalls]


@needs_compiler
def test_a_thread_that_computes_is_named_without_the_kernels_sampling_too() -> None:
    way = WAYS["extension-burn"]
    # The timer requires a kernel tick that hits the thread; on a busy machine, many do not.
    for _ in range(5):
        stalls, _ = stalls_of(way, 10, timer_only=True)
        if any(gil_holds.named_right(way, stall) for stall in stalls):
            return
    raise AssertionError([str(stall) for stall in stalls])


@pytest.mark.slow
@needs_compiler
def test_a_sleep_is_not_cut_short_without_the_kernels_sampling_either() -> None:
    _, took = stalls_of(WAYS["extension-block"], timer_only=True)
    assert min(took) >= gil_holds.HOLD_MS * 1e-3


@needs_compiler
def test_the_line_is_the_one_during_the_stall() -> None:
    line = 0

    def caller() -> None:
        nonlocal line
        line = sys._getframe().f_lineno + 1
        gil_holds.module().block(50)
        time.sleep(0.02)

    caller()
    with gil.watch() as watch:
        for _ in range(100):  # a loaded machine may hide the first ones
            caller()
            if blocked(watch):
                break
    stall = blocked(watch)[0]
    assert stall.python == f"{__file__}:{line}:{where(caller)}"
    assert stall.python_stack[0] == stall.python
    assert stall.python_stack[1].endswith(f":{sys._getframe().f_code.co_name}")
    assert stall.thread == threading.current_thread().name
    assert (stall.thread_id, stall.native_id) == (threading.get_ident(), threading.get_native_id())
    assert stall.duration >= 0.03
    assert abs(stall.started - time.monotonic()) < WATCHDOG


def test_the_programs_own_line_is_named_beside_that_of_the_standard_library() -> None:
    line = 0

    def match() -> None:
        nonlocal line
        line = sys._getframe().f_lineno + 1
        re.match(r"(a|aa)+$", "a" * 26 + "b")

    with gil.watch() as watch:
        beside = threading.Thread(target=until, args=(lambda: watch.stalls, "a stall to be reported"))
        beside.start()
        while beside.is_alive():
            match()
        beside.join()
    own = f"{__file__}:{line}:"
    there = sysconfig.get_path("stdlib")
    inside = [stall for stall in watch.stalls if there in str(stall.python)]
    stall = next((stall for stall in inside if str(stall.program).startswith(own)), None)
    assert stall is not None, [str(stall) for stall in watch.stalls]
    assert f", from {own}" in str(stall)
    assert f", from {own}" in watch.table()


@pytest.mark.repeats
@needs_compiler
def test_a_native_target_of_a_thread_is_called_by_no_line_of_the_program() -> None:
    hold = gil_holds.by_ctypes().hold_block
    with gil.watch() as watch:
        for _ in range(STALLS):
            thread = threading.Thread(target=hold, args=(gil_holds.HOLD_MS,))
            thread.start()
            while thread.is_alive():
                time.sleep(0.001)
    named = [str(stall) for stall in watch.stalls if stall.native == WAYS["ctypes-block"].expected]
    assert named
    assert all(text.endswith(", called by no line of the program") for text in named), named


@pytest.mark.repeats
@needs_compiler
def test_a_stall_names_the_system_call_that_took_most_time() -> None:
    twice = gil_holds.by_ctypes().hold_two
    with gil.watch() as watch:
        until(lambda: twice(300) and watch.stalls, "a stall to be reported")
    calls = [stall.system_call for stall in watch.stalls if str(stall.native).endswith(":hold_two")]
    assert set(calls) == {"poll"}


@pytest.mark.slow
@pytest.mark.repeats
def test_the_line_is_that_of_the_call_in_a_stall_of_several_calls() -> None:
    """Bytecode that holds the GIL, then a builtin that holds it longer: one stall, two lines."""
    done, line = threading.Event(), 0

    def work() -> None:
        nonlocal line
        while not done.is_set():
            texts = [str(number * 7919 % 1_000_003) for number in range(200_000)]
            line = sys._getframe().f_lineno + 1
            sorted(texts)
            done.wait(0.01)

    with gil.watch(0.004) as watch:
        thread = threading.Thread(target=work)
        thread.start()
        try:
            until(
                lambda: sum(stall.native == "builtins:sorted" for stall in watch.stalls) >= STALLS, "stalls"
            )
        finally:
            done.set()
            thread.join()
    lines = [stall.python for stall in watch.stalls if stall.native == "builtins:sorted"]
    right = lines.count(f"{__file__}:{line}:{where(work)}")
    assert right > len(lines) / 2, lines  # on a busy machine, some stalls start within the previous loop


def where(function: Any) -> str:
    code = function.__code__
    return str(getattr(code, "co_qualname", code.co_name))


@needs_compiler
def test_a_call_that_blocks_the_event_loop_is_named() -> None:
    async def bad() -> None:
        while not blocked(watch):
            gil_holds.module().block(40)
            await asyncio.sleep(0.005)

    with gil.watch() as watch:
        asyncio.run(asyncio.wait_for(bad(), WATCHDOG))
    assert all(where(bad) in str(stall.python) for stall in blocked(watch))


@pytest.mark.repeats
def test_a_method_of_a_builtin_type_is_named() -> None:
    numbers = gil_holds.numbers()
    big = 1 << 3_000_000

    with gil.watch() as watch:
        for _ in range(3):
            numbers[:].sort()
            str(bytes(10)).join(["x"])
            assert big * big
    natives = {stall.native for stall in watch.stalls}
    assert "builtins:list.sort" in natives


@pytest.mark.repeats
def test_bytecode_alone_is_no_stall_because_it_hands_over_in_time() -> None:
    with gil.watch(0.5) as watch:  # far above the switch interval, even on a loaded machine
        gil_holds.loop(0.6)
    assert watch.stalls == []
    assert "No thread kept the GIL for 500 ms" in watch.table()


@pytest.mark.repeats
def test_bytecode_is_named_when_the_threshold_is_below_the_switch_interval() -> None:
    with gil.watch(0.002) as watch:
        gil_holds.loop(0.3)
    right = [
        stall for stall in watch.stalls if stall.native is None and (stall.python or "").endswith(":loop")
    ]
    assert right
    assert all(stall.state == "cpu" for stall in right)


@pytest.mark.slow
@pytest.mark.repeats
def test_of_several_threads_the_one_that_had_it_longest_is_named() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.03)
    try:
        with gil.watch(0.02) as watch:
            threads = [threading.Thread(target=gil_holds.loop, args=(0.5,), name=f"hog{n}") for n in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    named = {stall.thread for stall in watch.stalls}
    assert named
    assert named <= {"hog0", "hog1", "hog2"}


def code_objects() -> Iterator[types.CodeType]:
    """Yields all code that the standard library has loaded here, and this file."""
    pending = [
        compile(Path(str(module.__file__)).read_bytes(), str(module.__file__), "exec")
        for module in (asyncio, dataclasses, json, opcode, subprocess, threading, sys.modules[__name__])
    ]
    while pending:
        code = pending.pop()
        yield code
        pending += [const for const in code.co_consts if isinstance(const, types.CodeType)]


def test_line_numbers_are_those_of_co_lines() -> None:
    from gil_budget import _gil  # noqa: PLC0415

    checked = 0
    for code in code_objects():
        table = code.co_linetable
        for begin, end, line in code.co_lines():
            for offset in range(begin, end, 2):
                assert _gil.line_of(table, code.co_firstlineno, offset) == (line or 0), (code, offset)
                checked += 1
        assert _gil.line_of(table, code.co_firstlineno, len(code.co_code) + 1000) == 0
        # Truncated: no line, but no crash.
        _gil.line_of(table[: len(table) // 2], code.co_firstlineno, 10_000)
    assert checked > 5000
