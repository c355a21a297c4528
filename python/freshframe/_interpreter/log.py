"""Native log lines in Python's logging, rate-limited so that a fault never floods a log.

A thread of their own logs them. The main thread never does that in the middle of other work: it may hold a
handler's lock at that moment (logging.handlers.QueueHandler has one), which would be a deadlock.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable

from .. import _native
from . import fork
from .log_limit import Limiter

logger = logging.getLogger("freshframe")

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
_PATIENCE = 1.0  # seconds that drain() waits for a handler that is busy on another thread


Look = Callable[[], "float | None"]
"""A call of the log's thread after each wait. Returns the seconds until its next call, None: no limit."""


class _LogThread(threading.Thread):
    """Logs the lines of native threads while pipelines run."""

    def __init__(self, look: Look) -> None:
        super().__init__(name="freshframe-log", daemon=True)
        self._look = look
        self._starter = threading.get_native_id()
        self.runs = True

    def run(self) -> None:
        if threading.get_native_id() == self._starter:  # gevent's threads: waiting would stop the program
            self.runs = False
            return
        seconds = None
        while _native.wait_log(seconds):
            held = drain()
            looks = self._look()
            seconds = min((each for each in (held, looks) if each is not None), default=None)
        drain(last=True)


def _write(level: int, text: str) -> None:
    logger.log(_LEVELS[level], "%s", text)


_limiter = Limiter(_write)
_handling = threading.RLock()  # held while lines are logged, so that they keep their order
_thread: _LogThread | None = None


def _handle(level: int, text: str, name: str) -> None:
    try:
        if name:  # of a worker process, already filtered by its logger there
            _hand_on(level, text, name)
        else:
            _limiter(level, text)
    except Exception:  # of the user's handler or filter: reported, then the next line follows
        sys.excepthook(*sys.exc_info())


def _tell(last: bool) -> float | None:
    try:
        return _limiter.tell(last=last)
    except Exception:  # as in _handle()
        sys.excepthook(*sys.exc_info())
        return None


def _hand_on(level: int, text: str, name: str) -> None:
    target = logging.getLogger(name)
    record = target.makeRecord(name, level, "(worker process)", 0, text, (), None)
    target.handle(record)


def drain(*, last: bool = False) -> float | None:
    """Logs the waiting lines. Lines that another thread is logging are logged before this returns.

    Args:
        last: No more lines will come, so those that were held back are logged now.

    Returns:
        Seconds until a line that was held back may be logged; None when there is none.
    """
    if not _handling.acquire(timeout=_PATIENCE):
        return None  # a handler is stuck; its thread will log the waiting lines
    try:
        for level, text, name in _native.take_log():
            _handle(level, text, name)
        return _tell(last)
    finally:
        _handling.release()


def start(look: Look) -> None:
    """A pipeline starts; ``look`` is for a thread that does not run yet."""
    global _thread  # noqa: PLW0603
    if _thread is None:
        thread = _LogThread(look)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads: the lines are logged when the pipeline ends
            return
        if thread.runs:
            _thread = thread


def is_thread(thread: threading.Thread) -> bool:
    """Whether it is, or was, the thread that logs."""
    return isinstance(thread, _LogThread)


def leave() -> threading.Thread | None:
    """No pipeline runs any more: lets the thread end, and returns it. Takes no lock."""
    global _thread
    thread, _thread = _thread, None
    if thread is not None:
        _native.end_log()
    return thread


def _forked() -> None:
    global _thread, _handling, _limiter
    _thread, _handling, _limiter = None, threading.RLock(), Limiter(_write)


fork.in_child(_forked)
_native.collect_log(True)
