"""Exit codes, and the code for a run that was interrupted, timed out or failed."""
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
    """The command line is invalid, or asks for something that is not possible."""


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM arrived. A KeyboardInterrupt, because the engine handles both in the same way."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED


class TimedOut(KeyboardInterrupt):
    """--timeout has expired. A KeyboardInterrupt, which `except Exception` in other code does not catch."""

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

_watched: list[ff.Pipeline] = []  # pipelines whose running nodes TimedOut names


@contextmanager
def watched(pipeline: ff.Pipeline) -> Iterator[None]:
    """Within the `with` block, the message of TimedOut names the running nodes of this pipeline."""
    _watched.append(pipeline)
    try:
        yield
    finally:
        _watched.remove(pipeline)


class _Handlers:
    """Installs signal handlers that raise an exception in the main thread.

    Python ignores an exception that is raised in a destructor, in the callback of a weak reference, or while
    such an exception is reported. An alarm raises it again a moment later.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._again: BaseException | None = None  # raised by the next SIGALRM
        self._is_reporting = False
        self._report = sys.unraisablehook
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        """Installs the handlers, and starts the timer if there is a timeout."""
        sys.unraisablehook = self._on_ignored
        self._take(signal.SIGINT, self._on_signal)
        self._take(signal.SIGTERM, self._on_signal)
        if self._timeout is not None:
            self._alarm(self._timeout)

    def __exit__(self, *_: object) -> None:
        """Restores the previous handlers."""
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
        if signal.SIGALRM in self._before:  # otherwise the timer is not ours
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
    """Ends the process. Used for process 1 of a container, which ignores the default action of a signal."""
    os._exit(128 + number)


@contextmanager
def interruptible(timeout: float | None) -> Iterator[None]:
    """Turns the first SIGINT or SIGTERM, and the timeout, into an exception in the main thread.

    The second SIGINT or SIGTERM ends the process immediately, even if Python is blocked in a native call.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _Handlers(timeout):
        yield


def status_of(end: SystemExit) -> int:
    """Returns the exit status that `python` would have. A string is printed to stderr and results in 1."""
    if end.code is None:
        return ExitCode.OK
    if isinstance(end.code, int):
        return end.code & 0xFF
    print(end.code, file=sys.stderr)
    return ExitCode.FAILED


def _refuses_option(error: BaseException, options: Any) -> bool:
    """Returns True if the source exists but does not support an option, such as --fps for a video file."""
    asked = any(getattr(options, name, None) is not None for name in ("fps", "start", "end"))
    return asked and isinstance(error, ff.SourceError) and error.errno == errno.EINVAL


def explain(error: BaseException, messages: Messages, options: Any = None) -> ExitCode:
    """Prints why the command ended and returns the exit code for it."""
    if isinstance(error, Interrupted):
        messages.say(f"stopped by {error}")
        return error.code
    if isinstance(error, BrokenPipeError):
        return ExitCode.OK  # the reader of the pipe has closed it
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
