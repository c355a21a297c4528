"""Exit codes, and how an interrupted, timed out or failed run becomes one of them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import enum
import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import freshframe as ff

from .messages import Messages


class ExitCode(enum.IntEnum):
    """The exit codes; docs/reference/cli.md describes them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SOURCE = 3
    INCOMPLETE = 4
    STALLED = 5
    INTERRUPTED = 130
    TERMINATED = 143


class UsageError(Exception):
    """The command line cannot be carried out."""


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM arrived. A KeyboardInterrupt, because the engine reacts to both in the same way."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED


class TimedOut(KeyboardInterrupt):
    """--timeout has passed. A KeyboardInterrupt, so that `except Exception` in other code misses it."""

    def __init__(self, seconds: float) -> None:
        nodes = [
            f"{name} ({node.state})"
            for pipeline in _watched
            for name, node in pipeline.stats().nodes.items()
            if node.state != "ended"
        ]
        running = f"; still running: {', '.join(nodes)}" if nodes else ""
        super().__init__(f"not finished within --timeout {seconds:g} s{running}")


_UNTIL_RAISED_AGAIN_S = 0.01

_watched: list[ff.Pipeline] = []  # TimedOut names their running nodes


@contextmanager
def watched(pipeline: ff.Pipeline) -> Iterator[None]:
    """A TimedOut within the block names the nodes of this pipeline that are still running."""
    _watched.append(pipeline)
    try:
        yield
    finally:
        _watched.remove(pipeline)


class _Handlers:
    """The handlers of signals, which raise an exception wherever Python is.

    Python ignores an exception that a handler raises within a destructor or a weak reference's callback, and
    an exception that it raises while such an exception is reported. Both are raised again a moment later.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._again: BaseException | None = None  # the exception that the next alarm raises
        self._is_reporting = False
        self._report = sys.unraisablehook
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        """Takes the signals, and SIGALRM where there is a timeout."""
        sys.unraisablehook = self._on_ignored
        self._take(signal.SIGINT, self._on_signal)
        self._take(signal.SIGTERM, self._on_signal)
        if self._timeout is not None:
            self._alarm(self._timeout)

    def __exit__(self, *_: object) -> None:
        """Gives them back."""
        self._no_alarm()
        sys.unraisablehook = self._report
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        self._before.setdefault(number, signal.signal(number, handler))

    def _alarm(self, seconds: float) -> None:
        self._take(signal.SIGALRM, self._on_alarm)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _no_alarm(self) -> None:
        self._again = None
        if signal.SIGALRM in self._before:  # otherwise the timer belongs to another
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, _end_now if os.getpid() == 1 else signal.SIG_DFL)
        self._no_alarm()
        if os.isatty(2):  # show the cursor that a live display has hidden; sys.stderr is replaced then
            os.write(2, b"\x1b[?25h")
        self._raise(Interrupted(number))

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        again, self._again = self._again, None
        if again is not None:
            self._raise(again)
        elif self._timeout is not None:
            self._raise(TimedOut(self._timeout))

    def _on_ignored(self, unraisable: sys.UnraisableHookArgs) -> None:
        self._is_reporting = True
        try:
            if isinstance(unraisable.exc_value, Interrupted | TimedOut):
                self._raise(unraisable.exc_value)
            else:
                self._report(unraisable)
        finally:
            self._is_reporting = False

    def _raise(self, error: BaseException) -> None:
        if not self._is_reporting:
            raise error
        self._again = error
        self._alarm(_UNTIL_RAISED_AGAIN_S)


def _end_now(number: int, frame: FrameType | None) -> None:
    """For process 1 of a container, which the default action does not end."""
    os._exit(128 + number)


@contextmanager
def interruptible(timeout: float | None) -> Iterator[None]:
    """Turns the first SIGINT or SIGTERM, and the timeout, into an exception in the main thread.

    The second SIGINT or SIGTERM has the default action, which ends the process even when Python is stuck.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _Handlers(timeout):
        yield


def status_of(end: SystemExit) -> int:
    """The status with which `python` would end: a text is printed to stderr and counts as 1."""
    if end.code is None:
        return ExitCode.OK
    if isinstance(end.code, int):
        return end.code & 0xFF
    print(end.code, file=sys.stderr)
    return ExitCode.FAILED


def _refuses_option(error: BaseException, options: Any) -> bool:
    """Whether the source exists but does not support an option, such as --fps with a video."""
    asked = any(getattr(options, name, None) is not None for name in ("fps", "start", "end"))
    return asked and isinstance(error, ff.SourceError) and error.errno == errno.EINVAL


def explain(error: BaseException, messages: Messages, options: Any = None) -> ExitCode:
    """Prints why the command ended and returns the exit code for it."""
    if isinstance(error, Interrupted):
        messages.say(f"stopped by {error}")
        return error.code
    if isinstance(error, BrokenPipeError):
        return ExitCode.OK  # the reader of stdout has closed it
    for kinds, code in _CODES:
        if isinstance(error, kinds):
            if _refuses_option(error, options):
                code = ExitCode.USAGE  # noqa: PLW2901
            messages.complain(str(error))
            if messages.level > 0 and error.__cause__ is not None:
                traceback.print_exception(error.__cause__)
            return code
    messages.complain(f"internal error: {type(error).__name__}: {error}")
    traceback.print_exception(error)
    return ExitCode.FAILED


_CODES: tuple[tuple[tuple[type[BaseException], ...], ExitCode], ...] = (
    ((UsageError, ff.GraphError, ff.OptionError, ff.OptionTypeError), ExitCode.USAGE),
    ((ff.SourceError,), ExitCode.SOURCE),
    ((ff.StalledError, ff.StopTimeoutError, TimedOut), ExitCode.STALLED),
    ((ff.FreshframeError,), ExitCode.FAILED),
)
