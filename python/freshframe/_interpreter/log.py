"""Native log lines in Python's logging, rate-limited so that a fault never floods a log.

A separate thread logs them. The main thread must not log in the middle of other work, because it may hold a
handler's lock at that moment (logging.handlers.QueueHandler has one), which would be a deadlock.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import collections
import contextlib
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from .. import _native
from . import fork

_EVERY = 10.0  # minimum seconds between two lines of the same kind
# Maximum number of kinds that differ only in their names, because a folder may contain a thousand damaged
# images.
_MOST_NAMES = 16
_MOST_KINDS = 256

_QUOTED = re.compile(r"'[^']*'")
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")


@dataclass
class _Kind:
    said: float  # time.monotonic() of the last line of this kind
    subject: str  # the first name in the line, or ""
    held: int = 0  # lines since then
    level: int = 0  # level of the latest line that was held back, like `text`
    text: str = ""


class Limiter:
    """Passes on the first line of a kind, then one every 10 s with the number of lines that were held back.

    Not thread-safe.
    """

    def __init__(
        self, write: Callable[[int, str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}
        self._names: dict[str, set[str]] = {}  # the kinds, by their text without names

    def __call__(self, level: int, text: str) -> None:
        """Writes the line, or holds it back."""
        now = self._clock()
        kind = self._kind(text)
        known = self._kinds.get(kind)
        if known is not None and now - known.said < _EVERY:
            known.held, known.level, known.text = known.held + 1, level, text
            return
        held = 0 if known is None else known.held
        new = self._kinds[kind] = _Kind(now, _subject(text))
        if new.subject:
            self._write_held([each for each in self._kinds.values() if each.subject == new.subject], now)
        self._write(level, text + _more(held))

    def tell(self, *, last: bool = False) -> float | None:
        """Writes the latest held-back line of each kind that is due.

        Args:
            last: Writes those of every kind.

        Returns:
            Seconds until the next one is due; None if no line is held back.
        """
        now = self._clock()
        kinds = list(self._kinds.values())  # a handler may stop a pipeline, which also calls this
        self._write_held([known for known in kinds if last or now - known.said >= _EVERY], now)
        times = [known.said + _EVERY - now for known in self._kinds.values() if known.held]
        return max(0.0, min(times)) if times else None

    def _write_held(self, kinds: list[_Kind], now: float) -> None:
        """Writes the latest held-back line of each of these kinds."""
        for known in kinds:
            if known.held:
                line = known.level, known.text + _more(known.held - 1)
                known.said, known.held = now, 0
                self._write(*line)

    def _kind(self, text: str) -> str:
        alike = _NUMBER.sub("#", text)
        kind = alike if "'" not in text else _without_numbers(text)
        if len(self._kinds) >= _MOST_KINDS:
            self.tell(last=True)
            self._kinds.clear()
            self._names.clear()
        names = self._names.setdefault(alike, set())
        if kind not in names and len(names) >= _MOST_NAMES:
            return alike
        names.add(kind)
        return kind


def _subject(text: str) -> str:
    found = _QUOTED.search(text)
    return found[0] if found else ""


def _without_numbers(text: str) -> str:
    """Replaces each number outside of quotes by #."""
    parts, end = [], 0
    for quoted in _QUOTED.finditer(text):
        parts += [_NUMBER.sub("#", text[end : quoted.start()]), quoted[0]]
        end = quoted.end()
    return "".join([*parts, _NUMBER.sub("#", text[end:])])


def _more(held: int) -> str:
    return f" (and {held} more like it)" if held > 0 else ""


logger = logging.getLogger("freshframe")


def _mask_traceback(record: logging.LogRecord) -> bool:
    """Masks passwords in URLs of a traceback, because a program's own exception may contain one."""
    if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None and not record.exc_text:
        lines = traceback.format_exception(record.exc_info[1])
        record.exc_text = _native.mask_passwords("".join(lines).rstrip("\n"))
    return True


logger.addFilter(_mask_traceback)

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
_PATIENCE = 1.0  # how long drain() waits for a handler busy on another thread, in seconds


Look = Callable[[], "float | None"]
"""A call of the log's thread after each wait. Returns the seconds until its next call, None: no limit."""


class _LogThread(threading.Thread):
    """Logs the lines of native threads while pipelines run. No exception ends the thread."""

    def __init__(self, look: Look) -> None:
        super().__init__(name="freshframe-log", daemon=True)
        self._look = look
        self._starter = threading.get_native_id()
        self.over = False  # it is ending, or has ended

    def run(self) -> None:
        if threading.get_native_id() == self._starter:  # a gevent thread: waiting would block the program
            self.over = True
            return
        wakes = 0
        seconds: float | None = None
        while not self.over:
            wakes = _native.wait_log(seconds, wakes)
            times = _safely(drain), _safely(self._look)
            seconds = min((each for each in times if each is not None), default=None)
        _safely(lambda: drain(last=True))


def _safely(call: Look) -> float | None:
    """Returns the result of the call, or the seconds until the next attempt."""
    try:
        return call()
    except BaseException:  # a handler has called sys.exit(), or sys.excepthook has failed
        with contextlib.suppress(BaseException):
            sys.excepthook(*sys.exc_info())
        return _PATIENCE


def _write(level: int, text: str) -> None:
    logger.log(_LEVELS[level], "%s", text)


_limiter = Limiter(_write)
_handling = threading.RLock()  # held while lines are logged, to keep them in order
# Taken from the native queue, and not logged yet.
_waiting: collections.deque[tuple[int, str, str]] = collections.deque()
_thread: _LogThread | None = None


def _handle(level: int, text: str, name: str) -> None:
    try:
        if name:  # from a worker process, already filtered by its logger there
            _hand_on(level, text, name)
        else:
            _limiter(level, text)
    except Exception:  # the user's handler or filter has failed: report it, and continue with the next line
        sys.excepthook(*sys.exc_info())


def _tell(last: bool) -> float | None:
    try:
        return _limiter.tell(last=last)
    except Exception:  # see _handle()
        sys.excepthook(*sys.exc_info())
        return None


def _hand_on(level: int, text: str, name: str) -> None:
    target = logging.getLogger(name)
    record = target.makeRecord(name, level, "(worker process)", 0, text, (), None)
    target.handle(record)


def drain(*, last: bool = False) -> float | None:
    """Logs the pending lines. Waits for lines that another thread is logging.

    Args:
        last: No more lines will follow, so held-back lines are logged now.

    Returns:
        Seconds until a held-back line may be logged, or None if there is none. If a handler is busy on
        another thread: seconds until the next attempt.
    """
    taken: list[bool] = []
    try:
        # A single step of the interpreter: a signal handler that raises runs before it, or finds the result
        # in `taken`.
        taken += map(_handling.acquire, (True,), (_PATIENCE,))
        if not taken[0]:
            return _PATIENCE  # the other thread logs the pending lines
        _waiting.extend(_native.take_log())
        while _waiting:
            _handle(*_waiting.popleft())
        return _tell(last)
    finally:
        if taken and taken[0]:
            _handling.release()


def start(look: Look) -> None:
    """Called when a pipeline starts. ``look`` is used if the thread is not running yet."""
    global _thread  # noqa: PLW0603
    if _thread is not None and not _thread.over and _thread.is_alive():
        return
    thread = _thread = _LogThread(look)
    try:
        thread.start()
    except (
        RuntimeError,
        MemoryError,
    ):  # no thread can be started, so the lines are logged when the pipeline ends
        thread.over = True
    except BaseException:  # raised by a signal handler, perhaps after the thread was started
        leave()
        raise
    if thread.over:
        _thread = None


def is_thread(thread: threading.Thread) -> bool:
    """Returns True for a thread that logs, or has done so."""
    return isinstance(thread, _LogThread)


def leave() -> threading.Thread | None:
    """Called when no pipeline is running any more: lets the thread end, and returns it.

    Does not use a lock.
    """
    global _thread  # noqa: PLW0603
    thread = _thread
    if thread is not None:
        thread.over = True
        _thread = None
        _native.wake_log()
    return thread


def _forked() -> None:
    global _thread, _handling, _limiter
    _thread, _handling, _limiter = None, threading.RLock(), Limiter(_write)
    _waiting.clear()


fork.in_child(_forked)
_native.collect_log(True)
