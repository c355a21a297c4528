"""Log lines of native threads in Python's logging: soon, in order, and without blocking other code."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
import threading

import pytest
from support import Count, run_program, until

import freshframe as ff


def boom(value: object) -> None:
    raise LookupError(f"no {value}")


def failed_pipeline(name: str) -> ff.Pipeline:
    """A pipeline that ends by itself, with one line logged by its engine: one per name in 10 seconds."""
    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(1)), name=name, on_error="skip")
    pipeline.start()
    return pipeline


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def log_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "freshframe-log"]


def test_a_line_is_logged_while_the_main_thread_holds_the_lock_of_a_handler() -> None:
    """QueueHandler.emit does this, and the interpreter may run pending calls in the middle of it."""
    held: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(held)
    ff_logger = logging.getLogger("freshframe")
    ff_logger.addHandler(handler)
    try:
        with held.mutex:
            pipeline = failed_pipeline("beside")
            until(lambda: pipeline.stats().nodes["beside"].state == "ended", "the end")
            for _ in range(1000):  # a thousand occasions for whatever the interpreter has been asked to run
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
            made.wait(100)  # the line may come before start() has returned
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
