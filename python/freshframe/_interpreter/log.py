"""Native log lines in Python's logging, rate-limited so that a fault never floods a log.

A thread of their own logs them. The main thread never does that in the middle of other work: it may hold a
handler's lock at that moment (logging.handlers.QueueHandler has one), which would be a deadlock.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable

from .. import _native
from . import fork

logger = logging.getLogger("freshframe")

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
_EVERY = 10.0  # seconds between two lines of the same kind
_MAX_KINDS = 256
_PATIENCE = 1.0  # seconds that drain() waits for a handler that is busy on another thread


class _Limiter:
    """Passes the first line of a kind, then one every 10 seconds with the number of suppressed ones."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[float, int]] = {}

    def __call__(self, level: int, text: str) -> None:
        now = time.monotonic()
        kind = re.sub(r"\d+", "#", text)
        last, held_back = self._kinds.get(kind, (float("-inf"), 0))
        if now - last < _EVERY:
            self._kinds[kind] = (last, held_back + 1)
            return
        if len(self._kinds) >= _MAX_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (now, 0)
        suffix = f" (and {held_back} more like it)" if held_back else ""
        logger.log(_LEVELS[level], "%s%s", text, suffix)


Look = Callable[[], "float | None"]
"""What the log's thread calls after each wait; it returns the seconds until its next call, None: no limit."""


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
            drain()
            seconds = self._look()
        drain()


_limiter = _Limiter()
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


def _hand_on(level: int, text: str, name: str) -> None:
    target = logging.getLogger(name)
    record = target.makeRecord(name, level, "(worker process)", 0, text, (), None)
    target.handle(record)


def drain() -> None:
    """Logs the waiting lines. Lines that another thread is logging are logged before this returns."""
    if not _handling.acquire(timeout=_PATIENCE):
        return  # a handler is stuck; its thread will log the waiting lines
    try:
        for level, text, name in _native.take_log():
            _handle(level, text, name)
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
    global _thread, _handling
    _thread, _handling = None, threading.RLock()


fork.in_child(_forked)
_native.collect_log(True)
