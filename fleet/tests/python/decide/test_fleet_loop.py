"""The thread of a controller, and calls that run on it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
import threading

import pytest

import freshframe as ff
from freshframe_fleet._control.loop import Loop


class Running:
    """A loop whose thread runs the requested jobs."""

    def __init__(self) -> None:
        self.loop = Loop("loop")
        self.stop = False
        self.loop.start(self._run)

    def _run(self) -> None:
        try:
            while not self.stop:
                self.loop.turn()
                with self.loop.lock:
                    self.loop.do_requests()
        except SystemExit:
            pass
        finally:
            self.loop.ended.set()

    def end(self) -> None:
        self.stop = True
        self.loop.wake()
        self.loop.join(100)
        self.loop.close()


def test_a_call_is_done_by_the_thread_and_its_error_is_the_callers() -> None:
    running = Running()
    assert running.loop.call(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        running.loop.call(lambda: 1 // 0)
    assert running.loop.call(lambda: 3) == 3
    running.end()
    assert running.loop.call(threading.current_thread) is threading.current_thread()


def test_a_call_that_ends_the_thread_is_a_state_error_for_its_caller() -> None:
    running = Running()
    with pytest.raises(ff.StateError, match=r"^SystemExit has ended the thread that did this call$"):
        running.loop.call(sys.exit)
    assert running.loop.call(lambda: 3) == 3  # the caller runs it, because the thread has ended
    running.end()
