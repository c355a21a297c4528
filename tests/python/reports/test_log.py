"""Log lines of native threads in Python's logging: soon, in order, and without blocking other code."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from support import Count, run_program, until

import freshframe as ff
from freshframe import _native
from freshframe._interpreter import log
from freshframe._pipeline import life


def boom(value: object) -> None:
    raise LookupError(f"no {value}")


def failed_pipeline(name: str) -> ff.Pipeline:
    """Returns a pipeline that has ended by itself, with one line logged by its engine (one per name in 10
    seconds).
    """
    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(1)), name=name, on_error="skip")
    pipeline.start()
    return pipeline


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def log_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "freshframe-log"]


def test_a_line_is_logged_while_the_main_thread_holds_the_lock_of_a_handler() -> None:
    """QueueHandler.emit does this, and the interpreter may run pending calls while it holds the lock."""
    held: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(held)
    ff_logger = logging.getLogger("freshframe")
    ff_logger.addHandler(handler)
    try:
        with held.mutex:
            pipeline = failed_pipeline("beside")
            until(lambda: pipeline.stats().nodes["beside"].state == "ended", "the end")
            for _ in range(1000):  # a thousand opportunities for the interpreter to run pending calls
                pass
        assert held.get(timeout=100).getMessage().startswith("node 'beside' failed")
    finally:
        ff_logger.removeHandler(handler)
        pipeline.stop()


def test_lines_from_before_the_end_have_been_logged_when_wait_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed_pipeline("said").wait()
    assert any("'said' failed" in line for line in lines(caplog))


def test_a_line_is_logged_although_no_call_waits_for_the_pipeline(caplog: pytest.LogCaptureFixture) -> None:
    pipeline = failed_pipeline("alone")
    until(lambda: any("'alone' failed" in line for line in lines(caplog)), "the line")
    pipeline.stop()


def test_the_thread_that_logs_ends_with_the_last_pipeline() -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    first, second = ff.Pipeline("first"), ff.Pipeline("second")
    for pipeline in (first, second):
        pipeline.reader(pipeline.add(Count(live=True)))
        pipeline.start()
    until(lambda: len(log_threads()) == 1, "those of earlier tests to end")
    threads = log_threads()
    first.stop()
    assert log_threads() == threads
    second.stop()
    until(lambda: not log_threads(), "the thread to end")
    del first, second, pipeline
    until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors, "descriptors to be given back")


def test_a_handler_that_raises_is_reported_and_the_next_line_has_its_turn(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Picky(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            if "'first'" in record.getMessage():
                raise ValueError("not this one")
            return True

    ff_logger, picky = logging.getLogger("freshframe"), Picky()
    ff_logger.addFilter(picky)
    try:
        for name in ("first", "next"):
            failed_pipeline(name).wait()
    finally:
        ff_logger.removeFilter(picky)
    assert "ValueError: not this one" in capsys.readouterr().err
    assert any("'next' failed" in line for line in lines(caplog))


def test_a_handler_may_stop_the_pipeline(caplog: pytest.LogCaptureFixture) -> None:
    made, stopped = threading.Event(), threading.Event()

    class Stopper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            made.wait(100)  # the line may be logged before start() has returned
            pipeline.stop()
            stopped.set()

    ff_logger, stopper = logging.getLogger("freshframe"), Stopper()
    ff_logger.addHandler(stopper)
    try:
        pipeline = failed_pipeline("stopper")
        made.set()
        assert stopped.wait(100)
    finally:
        ff_logger.removeHandler(stopper)
        pipeline.stop()


class LeaveError(BaseException):
    """Raised by a signal handler, such as one for a time limit."""


def left_everywhere(call: Callable[[], object]) -> None:
    """Raises out of the call in every place where the interpreter may run a signal handler."""
    places, number = 1, 0

    def look(frame: FrameType, event: str, _: object) -> None:
        nonlocal places
        if event in ("call", "c_return") and frame.f_code.co_filename in (log.__file__, life.__file__):
            places += 1
            if places == number:
                sys.setprofile(None)
                raise LeaveError

    while number <= places:
        places, number = 0, number + 1
        sys.setprofile(look)
        try:
            call()
        except LeaveError:
            places = number
        finally:
            sys.setprofile(None)
    assert number > 1  # there are fewer places while another thread holds the lock


class Spoiler(logging.Handler):
    """Raises for each log record that it gets."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error, self.has_failed = error, False

    def emit(self, record: logging.LogRecord) -> None:
        if "'spoiled'" in record.getMessage():
            self.has_failed = True
            raise self.error


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[BaseException], None]]:
    """Logs a line with a handler that raises this exception.

    Unless it is an exit, sys.excepthook fails, too.
    """
    spoiler = Spoiler(SystemExit(1))
    logging.getLogger("freshframe").addHandler(spoiler)

    def run(error: BaseException) -> None:
        spoiler.error = error
        if isinstance(error, Exception):
            monkeypatch.setattr(sys, "excepthook", "is no function")
        pipeline = failed_pipeline("spoiled")
        until(lambda: spoiler.has_failed, "the handler")
        pipeline.stop()

    yield run
    logging.getLogger("freshframe").removeHandler(spoiler)


def wake_often() -> None:
    for _ in range(3):
        _native.wake_log()


def exchange_thread() -> None:
    """Replaces the thread that logs by another, which is not running."""
    thread = log.leave()
    if thread is not None:
        thread.join()
    log._thread = log._LogThread(lambda: None)


SPOILS: dict[str, Callable[[Callable[[BaseException], None]], object]] = {
    "an exception leaves drain()": lambda spoil: left_everywhere(log.drain),
    "an exception leaves forget_ended()": lambda spoil: left_everywhere(life.forget_ended),
    "a handler exits": lambda spoil: spoil(SystemExit(1)),
    "sys.excepthook fails": lambda spoil: spoil(ValueError("not this one")),
    "many wake it": lambda spoil: wake_often(),
    "its thread is dead": lambda spoil: exchange_thread(),
}


@pytest.mark.parametrize("name", SPOILS)
def test_lines_are_logged_while_a_pipeline_runs_whatever_was_before(
    name: str, spoil: Callable[[BaseException], None], caplog: pytest.LogCaptureFixture
) -> None:
    def is_logged(name: str) -> bool:
        return any(
            f"'{name}' failed" in record.getMessage() and record.threadName == "freshframe-log"
            for record in caplog.records
        )

    steady = ff.Pipeline()
    steady.reader(steady.add(Count(live=True)))
    with steady:
        SPOILS[name](spoil)
        pipeline = failed_pipeline("beside")
        until(lambda: is_logged("beside"), "the line, while another pipeline runs")
        pipeline.stop()
    SPOILS[name](spoil)
    pipeline = failed_pipeline("after")
    until(lambda: is_logged("after"), "the line, after all have ended")
    pipeline.stop()


@pytest.mark.slow
def test_a_daemon_that_closes_all_descriptors_keeps_its_files_and_its_log() -> None:
    ended = run_program(
        """
import os, sys, tempfile
import freshframe as ff
from support import Count

os.closerange(3, 1024)
file = tempfile.TemporaryFile("wb+", buffering=0)
file.write(b"important")

def boom(value):
    raise ValueError("as planned")

pipeline = ff.Pipeline()
pipeline.add(boom, pipeline.add(Count(1)), on_error="skip")
pipeline.run()
file.seek(0)
print(file.read())
"""
    )
    assert ended.out == "b'important'\n"
    assert "node 'boom' failed on sample 0" in ended.err
