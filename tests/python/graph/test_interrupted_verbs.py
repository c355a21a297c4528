"""A signal handler or a finalizer may call any verb at any line of another, and never waits for what it
blocks itself.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from support import WATCHDOG, Gate, Ticker, at_once, check_books, until

import freshframe as ff
from freshframe._pipeline import life


class Mute(ff.Source[int]):
    """A camera that sends nothing."""

    live = True

    def read(self) -> Iterator[tuple[int, float]]:
        self.stop_token.wait(WATCHDOG)
        yield from ()


def _same(value: int) -> int:
    return value


def _alike(value: int) -> int:
    return value


def _all(values: list[int]) -> list[int]:
    return values


class _Node(ff.Node[int, int]):
    def process(self, sample: ff.Sample[int]) -> int:
        return sample.value


class _World:
    """A pipeline with a node for each kind that a verb needs."""

    def __init__(self, make: Callable[[], ff.Source[int]], other: Any = None) -> None:
        self.pipeline = ff.Pipeline(keep_running=True)
        self.camera = self.pipeline.add(make(), name="camera")
        self.other = self.pipeline.add(other or make(), name="other")
        self.parent = self.pipeline.add(_same, self.camera, name="parent")
        self.merge = self.pipeline.add(_same, [self.camera], name="merge")
        self.batch = self.pipeline.add(_all, self.camera, batch=ff.Batch(2, max_wait=0.01), name="batch")

    def run(self) -> None:
        """Runs the pipeline. Another thread stops it."""

        def stop() -> None:
            until(lambda: "new" not in repr(self.pipeline), "the pipeline runs or has ended")
            self.pipeline.stop(WATCHDOG)

        other = threading.Thread(target=stop)
        other.start()
        try:
            self.pipeline.run()
        finally:
            self.pipeline.stop(WATCHDOG)
            other.join()


_VERBS: dict[str, Callable[[_World], object]] = {
    "start": lambda w: w.pipeline.start(),
    "stop": lambda w: w.pipeline.stop(WATCHDOG),
    "wait": lambda w: w.pipeline.wait(0.005),
    "run": _World.run,
    "add": lambda w: w.pipeline.add(_same, w.parent, name="added"),
    "reader": lambda w: w.pipeline.reader(w.parent),
    "connect": lambda w: w.pipeline.connect(w.merge, w.other),
    "disconnect": lambda w: w.pipeline.disconnect(w.merge, w.camera),
    "set_max_wait": lambda w: w.pipeline.set_max_wait(w.batch, 0.02),
    "replace": lambda w: w.pipeline.replace(w.parent, _alike, timeout=WATCHDOG),
    "remove": lambda w: w.pipeline.remove(w.parent, timeout=WATCHDOG),
}

_ADDS: dict[str, Callable[[_World], object]] = {
    "add a node": lambda w: w.pipeline.add(_Node(), w.parent, name="added"),
    "add a source": lambda w: w.pipeline.add(Ticker(), name="added"),
    "add a merge": lambda w: w.pipeline.add(_same, [w.camera, w.other], name="added"),
}

_HANDLERS: dict[str, Callable[[_World], object]] = {
    "stop": lambda w: w.pipeline.stop(WATCHDOG),
    "remove parent": lambda w: w.pipeline.remove(w.parent, timeout=WATCHDOG),
    "remove camera": lambda w: w.pipeline.remove(w.camera, timeout=WATCHDOG),
    "drain": lambda w: w.pipeline.remove(w.camera, drain=True, timeout=WATCHDOG),
    "add": lambda w: w.pipeline.add(_same, w.camera),
    "replace": lambda w: w.pipeline.replace(w.parent, _alike, timeout=WATCHDOG),
}

_TRACED = (os.path.dirname(ff.__file__), threading.__file__)


def _refusals(call: Callable[[], object]) -> list[str]:
    """Calls a verb, which may fail because the graph has changed, but never waits until its timeout."""
    try:
        call()
    except ff.StopTimeoutError as error:
        return [f"waited in vain: {error}"]
    except ff.FreshframeError:
        pass
    return []


def _interrupted(world: _World, verb: str, handler: str, number: int) -> tuple[int, list[str]]:
    """Runs the verb, and the handler at this traced line.

    Returns the number of lines, and what went wrong.
    """
    wrong: list[str] = []
    lines = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(_TRACED):
            return None
        if event == "line":
            lines += 1
            if lines == number:
                sys.settrace(None)
                where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
                found = _refusals(lambda: _HANDLERS[handler](world))
                wrong.extend(f"{handler} at {where}: {each}" for each in found)
        return trace

    sys.settrace(trace)
    try:
        wrong += [f"the verb: {each}" for each in _refusals(lambda: _VERBS[verb](world))]
    finally:
        sys.settrace(None)
    return lines, wrong


def _one(verb: str, handler: str, number: int, make: Callable[[], ff.Source[int]]) -> tuple[int, list[str]]:
    world = _World(make)
    if verb not in ("start", "run"):
        world.pipeline.start()
    lines, wrong = _interrupted(world, verb, handler, number)
    wrong += [f"the last stop: {each}" for each in _refusals(lambda: world.pipeline.stop(WATCHDOG))]
    check_books(world.pipeline)
    return lines, [f"{verb}, line {number}, {each}" for each in wrong]


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("make", [Ticker, Mute], ids=["ticking", "mute"])
@pytest.mark.parametrize("verb", _VERBS)
def test_a_handler_that_calls_a_verb_at_a_line_of_another_waits_for_nothing_that_it_holds_up(
    verb: str, make: Callable[[], ff.Source[int]]
) -> None:
    lines, wrong = _one(verb, "stop", -1, make)
    places = 48 if verb in ("add", "start") else 10
    for k, handler in enumerate(_HANDLERS):
        step = max(1, lines // places)
        for number in range(1 + k % step, lines + 1, step):
            wrong += _one(verb, handler, number, make)[1]
            if wrong:
                break
    assert not wrong, "\n".join(wrong)


class LeaveError(BaseException):
    """Raised by a signal handler, such as one for a time limit."""


def _left(
    world: _World,
    verb: str,
    number: int,
    call: Callable[[_World], object],
    handler: Callable[[], object] = lambda: None,
) -> tuple[int, str]:
    """Runs the verb, and raises at the n-th place where a handler may run. Returns the number of places, and
    this place.

    These are the starts of functions and the ends of C calls. In `threading`, a handler that raises may leave
    the lock of a Condition locked, which this package cannot prevent.
    """
    places = 0
    place = ""

    def look(frame: FrameType, event: str, _: object) -> None:
        nonlocal places, place
        if event not in ("call", "c_return") or not frame.f_code.co_filename.startswith(_TRACED[0]):
            return
        if event == "call" and frame.f_code.co_flags & inspect.CO_GENERATOR:
            return  # the pipeline may already be closed, and Python then only prints the exception
        places += 1
        if places == number:
            sys.setprofile(None)
            place = f"{verb}, {os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
            handler()
            raise LeaveError

    sys.setprofile(look)
    try:
        call(world)
    except LeaveError:
        pass
    finally:
        sys.setprofile(None)
    return places, place


def _again(world: _World, verb: str) -> None:
    """Calls the verb again, whatever state it was left in, which must not make it fail."""
    if verb.startswith("add"):
        until(lambda: "added" not in world.pipeline.stats().nodes, "what was being added has gone")
    if verb == "connect":
        with contextlib.suppress(ff.GraphError):
            world.pipeline.disconnect(world.merge, world.other)
    if verb == "replace":
        other = _same if world.parent.node is _alike else _alike
        world.pipeline.replace(world.parent, other, timeout=WATCHDOG)
    elif verb != "disconnect":
        (_VERBS | _ADDS)[verb](world)


@pytest.mark.slow
@pytest.mark.table(cases=4)
@pytest.mark.parametrize(
    "verb", ["add", *_ADDS, "start", "stop", "wait", "remove", "replace", "connect", "disconnect"]
)
def test_a_verb_that_a_handler_leaves_by_an_exception_can_be_called_again(verb: str) -> None:
    number, places = 0, 1
    while number <= places:
        world = _World(Ticker)
        if verb != "start":
            world.pipeline.start()
        seen, place = _left(world, verb, number, (_VERBS | _ADDS)[verb])
        places = max(places, seen)  # an interrupted verb does not reach any later places
        if place and verb != "start":
            try:
                _again(world, verb)
            except ff.FreshframeError as error:
                pytest.fail(f"{place}: {error}")
        world.pipeline.stop(WATCHDOG)
        check_books(world.pipeline)
        number += 1 if verb == "replace" else 1 + places // 40


def _packets(world: _World) -> object:
    return world.other.packets


@pytest.mark.slow
@pytest.mark.table(cases=2)
@pytest.mark.parametrize("verb", ["add", *_ADDS, "packets"])
def test_an_add_that_a_handler_leaves_before_the_start_adds_nothing(verb: str) -> None:
    call = (_VERBS | _ADDS | {"packets": _packets})[verb]
    number, places = 0, 1
    while number <= places:
        world = _World(Ticker, ff.open("rtsp://127.0.0.1:1/") if verb == "packets" else Ticker())
        before = set(world.pipeline.stats().nodes)

        def handler(pipeline: ff.Pipeline = world.pipeline, camera: ff.Port[int] = world.camera) -> None:
            pipeline.add(_alike, camera, name="of the handler")

        seen, place = _left(world, verb, number, call, handler)
        places = max(places, seen)
        if place:
            there = set(world.pipeline.stats().nodes) - before
            if verb == "packets":
                there.discard("other.packets")  # if it is complete, the next call returns it
            assert there == {"of the handler"}, place
            try:
                call(world)
            except ff.FreshframeError as error:
                pytest.fail(f"{place}: {error}")
        if verb != "packets":  # its camera was removed
            world.pipeline.start()
            world.pipeline.stop(WATCHDOG)
            check_books(world.pipeline)
        number += 1


@pytest.mark.parametrize("verb", ["stop", "remove", "drain"])
def test_a_node_whose_thread_another_thread_has_not_started_yet_holds_nobody_up(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = ff.Pipeline(keep_running=True)
    camera = pipeline.add(Ticker(), name="camera")
    gate, start, errors = Gate(), life.start_thread, []

    def late(*arguments: Any) -> None:
        gate.enter()
        start(*arguments)

    def add() -> None:
        try:
            pipeline.add(_same, camera, name="late")
        except ff.StateError as error:
            errors.append(str(error))

    with pipeline:
        monkeypatch.setattr(life, "start_thread", late)
        adder = threading.Thread(target=add)
        adder.start()
        until(lambda: gate.arrived, "add() is about to start the thread")
        try:
            if verb == "stop":
                pipeline.stop(WATCHDOG)
            else:
                pipeline.remove(camera, drain=verb == "drain", timeout=WATCHDOG)
        finally:
            gate.open()
            adder.join()
    assert len(errors) == 1
    assert ("stop()" if verb == "stop" else "was removed") in errors[0]


def test_a_handler_may_stop_a_pipeline_whose_add_waits_for_a_camera_that_says_nothing() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    late: list[str] = []

    def handler(*_: object) -> None:
        late.extend(_refusals(lambda: pipeline.stop(WATCHDOG)))

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with socket.create_server(("127.0.0.1", 0)) as mute, pipeline:
            camera = ff.open(f"rtsp://127.0.0.1:{mute.getsockname()[1]}/", open_timeout=WATCHDOG)
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(ff.StateError, match=r"stop\(\)|after the end"):
                pipeline.add(camera)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not late


def test_no_lock_is_held_while_the_thread_of_a_node_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    free: list[bool] = []
    start = threading.Thread.start

    def look() -> None:
        free.append(life._lock.acquire(timeout=WATCHDOG))
        life._lock.release()

    def watched(thread: threading.Thread) -> None:
        if thread.name == "watched":
            other = threading.Thread(target=look)
            start(other)
            other.join()
        start(thread)

    pipeline = ff.Pipeline(keep_running=True)
    with pipeline:
        monkeypatch.setattr(threading.Thread, "start", watched)
        pipeline.add(Ticker(), name="watched")
    assert free == [True]


def test_an_add_that_has_interrupted_the_start_of_a_thread_is_refused() -> None:
    lock: Any = getattr(threading, "_active_limbo_lock", None)
    if not hasattr(lock, "_is_owned"):
        pytest.skip("this Python starts threads otherwise")
    pipeline = ff.Pipeline(keep_running=True)
    with pipeline:
        with lock, pytest.raises(ff.StateError, match="interrupted the start of a thread"):
            pipeline.add(Ticker(), name="camera")
        assert "camera" not in pipeline.stats().nodes
        pipeline.add(Ticker(), name="camera")


class _Holder:
    """Removes its camera when it is garbage-collected."""

    def __init__(self, pipeline: ff.Pipeline, camera: ff.Port[int], late: list[str]) -> None:
        self.pipeline, self.camera, self.late, self.me = pipeline, camera, late, self

    def __del__(self) -> None:
        self.late += _refusals(lambda: self.pipeline.remove(self.camera, timeout=WATCHDOG))


@pytest.mark.slow
def test_finalizers_that_remove_cameras_wait_for_no_node_that_threads_are_adding() -> None:
    late: list[str] = []
    pipeline = ff.Pipeline(keep_running=True)

    def adds() -> None:
        for _ in range(25):
            camera = pipeline.add(Ticker())
            _Holder(pipeline, camera, late)
            for _ in range(3):
                with contextlib.suppress(ff.FreshframeError):
                    pipeline.add(_same, camera)

    before = gc.get_threshold()
    gc.set_threshold(30)
    try:
        with pipeline:
            assert at_once(*[adds] * 3) == [None] * 3
    finally:
        gc.set_threshold(*before)
        gc.collect()
    assert not late
