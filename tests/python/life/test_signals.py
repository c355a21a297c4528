"""Ctrl-C, SIGTERM and a program's own handlers, in every verb that waits."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import signal

import pytest
from support import run_program

BUILD = """
import os, signal, sys, threading, time
import freshframe as ff
from support import Collect, Count, Push, Ticker

pipeline = ff.Pipeline()
"""


VERBS = {
    "run": "pipeline.run()",
    "run with progress": "pipeline.run(progress=lambda now: None, progress_every=0.01)",
    "get": "pipeline.start(); reader.get()",
    "get with timeout": "pipeline.start(); reader.get(timeout=1000)",
    "for": "pipeline.start()\n    for sample in reader: pass",
    "wait": "pipeline.start(); pipeline.wait()",
    "wait with timeout": "pipeline.start(); pipeline.wait(timeout=1000)",
    "stream": "\n    for sample in ff.stream(Push()): pass",
}

INTERRUPTED = (
    BUILD
    + """
reader = pipeline.reader(pipeline.add(Push()))
def say():  # once three looks find the main thread at one place outside of imports
    package = os.path.dirname(ff.__file__)
    looks, before = 0, None
    while looks < 3:
        time.sleep(0.1)
        frame = sys._current_frames()[threading.main_thread().ident]
        file, place = frame.f_code.co_filename, (frame.f_code, frame.f_lasti)
        waits = file == "<string>" or file.startswith(package) or file.endswith("selectors.py")
        looks = looks + 1 if waits and place == before else 0
        before = place
    print("ready")
threading.Thread(target=say).start()
"""
)


@pytest.mark.slow
@pytest.mark.table(cases=3)
@pytest.mark.parametrize("verb", VERBS)
def test_ctrl_c_is_a_clean_stop_and_then_keyboard_interrupt(verb: str) -> None:
    ended = run_program(
        INTERRUPTED
        + f"""
try:
    {VERBS[verb]}
except KeyboardInterrupt:
    print("interrupted")
    if "{verb}" != "stream":
        print(pipeline.wait(timeout=0), [node.state for node in pipeline.stats().nodes.values()])
""",
        signals=[signal.SIGINT],
    )
    expected = "ready\ninterrupted\n" + ("" if verb == "stream" else "True ['ended']\n")
    assert (ended.code, ended.out) == (0, expected), ended.err
    if verb == "stream":  # stream() does not use the program's own pipeline
        assert ended.complaints.startswith("pipeline 'pipeline' was built and never started")
    else:
        assert ended.complaints == ""


@pytest.mark.slow
def test_an_uncaught_ctrl_c_ends_the_program_as_by_the_signal() -> None:
    ended = run_program(INTERRUPTED + "\npipeline.run()\n", signals=[signal.SIGINT])
    assert ended.code == -signal.SIGINT
    assert ended.err == "", "no traceback: the user has asked for the end"


def test_a_program_sees_ctrl_c_and_its_other_errors_are_printed() -> None:
    caught = "\ntry:\n    pipeline.run()\nexcept KeyboardInterrupt:\n    raise ValueError('after it')\n"
    ended = run_program(INTERRUPTED + caught, signals=[signal.SIGINT])
    assert ended.code == 1
    assert "ValueError: after it" in ended.err


def test_a_hook_of_the_program_shows_ctrl_c_as_it_likes() -> None:
    hook = "\nimport sys\nsys.excepthook = lambda kind, *_: print('mine', kind.__name__, file=sys.stderr)\n"
    ended = run_program(INTERRUPTED + hook + "pipeline.run()\n", signals=[signal.SIGINT])
    assert "mine KeyboardInterrupt" in ended.err


def test_ctrl_c_during_an_async_for_ends_the_program() -> None:
    ended = run_program(
        INTERRUPTED
        + """
import asyncio
async def main():
    async with pipeline:
        async for sample in reader: pass
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", pipeline.wait(timeout=0))
""",
        signals=[signal.SIGINT],
    )
    assert (ended.code, ended.out) == (0, "ready\ninterrupted True\n"), ended.err


def test_a_signal_handler_of_the_programs_own_runs_while_get_waits_and_get_goes_on() -> None:
    ended = run_program(
        BUILD
        + """
source = Push()
reader = pipeline.reader(pipeline.add(source))
signal.signal(signal.SIGUSR1, lambda *_: (print("handled"), source.push("after")))
with pipeline:
    threading.Timer(0.2, print, ["ready"]).start()
    print(reader.get().value)
""",
        signals=[signal.SIGUSR1],
    )
    assert (ended.code, ended.out) == (0, "ready\nhandled\nafter\n"), ended.err


def test_an_exception_of_a_signal_handler_leaves_get() -> None:
    ended = run_program(
        BUILD
        + """
def handler(*_): raise LookupError("from the handler")
signal.signal(signal.SIGUSR1, handler)
reader = pipeline.reader(pipeline.add(Push()))
with pipeline:
    threading.Timer(0.2, print, ["ready"]).start()
    try:
        reader.get()
    except LookupError as error:
        print(error)
""",
        signals=[signal.SIGUSR1],
    )
    assert (ended.code, ended.out) == (0, "ready\nfrom the handler\n"), ended.err


@pytest.mark.slow
def test_sigterm_without_a_handler_ends_the_program_by_the_signal() -> None:
    ended = run_program(INTERRUPTED + "\npipeline.run()\n", signals=[signal.SIGTERM])
    assert ended.code == -signal.SIGTERM
    assert ended.complaints == ""


@pytest.mark.slow
def test_sigterm_turned_into_system_exit_stops_the_pipeline() -> None:
    ended = run_program(
        INTERRUPTED
        + """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
try:
    pipeline.run()
finally:
    print(pipeline.wait(timeout=0))
""",
        signals=[signal.SIGTERM],
    )
    assert (ended.code, ended.out) == (143, "ready\nTrue\n"), ended.err


def test_ctrl_c_while_a_python_node_computes_stops_after_that_sample() -> None:
    ended = run_program(
        BUILD
        + """
def burn(value):
    if value == 0: print("ready")
    return sum(range(200_000))

pipeline.add(burn, pipeline.add(Count()))
try:
    pipeline.run()
except KeyboardInterrupt:
    print("interrupted", pipeline.stats().nodes["burn"].state)
""",
        signals=[signal.SIGINT],
    )
    assert (ended.code, ended.out) == (0, "ready\ninterrupted ended\n"), ended.err
