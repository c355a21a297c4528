"""Native log lines in Python's logging, rate-limited so that a fault never floods a log.

A separate thread logs them. The main thread never does that in the middle of other work: it may hold a
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

_EVERY = 10.0  # seconds between two lines of one kind
_MOST_NAMES = 16  # kinds that differ in their names only: a folder may hold a thousand damaged pictures
_MOST_KINDS = 256

_QUOTED = re.compile(r"'[^']*'")
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")


@dataclass
class _Kind:
    said: float  # time.monotonic() of its last line
    subject: str  # the first name in it, or ""
    held: int = 0  # lines since then
    level: int = 0  # level of the latest of them, like the text
    text: str = ""


class Limiter:
    """Passes the first line of a kind, then one every 10 seconds with the number of lines that it held back.

    One thread at a time.
    """

    def __init__(
        self, write: Callable[[int, str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}
        self._names: dict[str, set[str]] = {}  # the kinds, by their text without the names

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
        """Writes the latest line that was held back, of each kind whose time has come.

        Args:
            last: Of every kind.

        Returns:
            Seconds until the next one's time comes; None when no line is held back.
        """
        now = self._clock()
        kinds = list(self._kinds.values())  # a handler may stop a pipeline, which also calls this
        self._write_held([known for known in kinds if last or now - known.said >= _EVERY], now)
        times = [known.said + _EVERY - now for known in self._kinds.values() if known.held]
        return max(0.0, min(times)) if times else None

    def _write_held(self, kinds: list[_Kind], now: float) -> None:
        """Writes the latest line that was held back, of each of these kinds."""
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
    """The text with # for each number that is not within quotes."""
    parts, end = [], 0
    for quoted in _QUOTED.finditer(text):
        parts += [_NUMBER.sub("#", text[end : quoted.start()]), quoted[0]]
        end = quoted.end()
    return "".join([*parts, _NUMBER.sub("#", text[end:])])


def _more(held: int) -> str:
    return f" (and {held} more like it)" if held > 0 else ""


logger = logging.getLogger("freshframe")


def _mask_traceback(record: logging.LogRecord) -> bool:
    """Leaves passwords of URLs out of a traceback that is printed: a program's own error may have one."""
    if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None and not record.exc_text:
        lines = traceback.format_exception(record.exc_info[1])
        record.exc_text = _native.mask_passwords("".join(lines).rstrip("\n"))
    return True


logger.addFilter(_mask_traceback)

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
_PATIENCE = 1.0  # seconds that drain() waits for a handler that is busy on another thread


Look = Callable[[], "float | None"]
"""A call of the log's thread after each wait. Returns the seconds until its next call, None: no limit."""


class _LogThread(threading.Thread):
    """Logs the lines of native threads while pipelines run. No exception ends it."""

    def __init__(self, look: Look) -> None:
        super().__init__(name="freshframe-log", daemon=True)
        self._look = look
        self._starter = threading.get_native_id()
        self.over = False  # it ends, or has ended

    def run(self) -> None:
        if threading.get_native_id() == self._starter:  # gevent's threads: waiting would stop the program
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
    """Returns the result of the call, or seconds until another try."""
    try:
        return call()
    except BaseException:  # a handler calls sys.exit(), or sys.excepthook fails
        with contextlib.suppress(BaseException):
            sys.excepthook(*sys.exc_info())
        return _PATIENCE


def _write(level: int, text: str) -> None:
    logger.log(_LEVELS[level], "%s", text)


_limiter = Limiter(_write)
_handling = threading.RLock()  # held while lines are logged, so that they keep their order
_waiting: collections.deque[tuple[int, str, str]] = collections.deque()  # taken, and not logged yet
_thread: _LogThread | None = None


def _handle(level: int, text: str, name: str) -> None:
    try:
        if name:  # from a worker process, already filtered by its logger there
            _hand_on(level, text, name)
        else:
            _limiter(level, text)
    except Exception:  # the user's handler or filter failed: it is reported, then the next line follows
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
    """Logs the waiting lines. Lines that another thread is logging are logged before this returns.

    Args:
        last: No more lines will come, so lines that were held back are logged now.

    Returns:
        Seconds until a line that was held back may be logged; None without one. Where a handler is busy on
        another thread: seconds after which to look again.
    """
    taken: list[bool] = []
    try:
        # One step of the interpreter: a signal's handler that raises comes before it, or finds it in `taken`
        taken += map(_handling.acquire, (True,), (_PATIENCE,))
        if not taken[0]:
            return _PATIENCE  # the other thread logs the waiting lines
        _waiting.extend(_native.take_log())
        while _waiting:
            _handle(*_waiting.popleft())
        return _tell(last)
    finally:
        if taken and taken[0]:
            _handling.release()


def start(look: Look) -> None:
    """A pipeline starts; ``look`` is for a thread that does not run yet."""
    global _thread  # noqa: PLW0603
    if _thread is not None and not _thread.over and _thread.is_alive():
        return
    thread = _thread = _LogThread(look)
    try:
        thread.start()
    except (
        RuntimeError,
        MemoryError,
    ):  # the system has no thread left: the pipeline's end logs the lines
        thread.over = True
    except BaseException:  # a signal's handler, perhaps after the thread has begun
        leave()
        raise
    if thread.over:
        _thread = None


def is_thread(thread: threading.Thread) -> bool:
    """Whether it is, or was, the thread that logs."""
    return isinstance(thread, _LogThread)


def leave() -> threading.Thread | None:
    """No pipeline runs any more: lets the thread end, and returns it. Takes no lock."""
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
