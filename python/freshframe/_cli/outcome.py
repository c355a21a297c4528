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
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import freshframe as ff

from .messages import Messages


class ExitCode(enum.IntEnum):
    """The exit codes; docs/cli.md describes them."""

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


@contextmanager
def interruptible(timeout: float | None) -> Iterator[None]:
    """Turns the first SIGINT or SIGTERM, and the timeout, into an exception in the main thread.

    Python ignores an exception that a handler raises within a destructor or a weak reference's callback.
    Such an exception is raised again a moment later. The second SIGINT or SIGTERM has the default action,
    which ends the process even when Python is stuck.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    ignored: list[BaseException] = []
    report_ignored = sys.unraisablehook

    def note_ignored(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, Interrupted | TimedOut):
            report_ignored(unraisable)
            return
        ignored.append(unraisable.exc_value)
        signal.setitimer(signal.ITIMER_REAL, _UNTIL_RAISED_AGAIN_S)

    def on_signal(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if timeout is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if os.isatty(2):  # show the cursor that a live display has hidden; sys.stderr is replaced then
            os.write(2, b"\x1b[?25h")
        raise Interrupted(number)

    def on_alarm(number: int, frame: FrameType | None) -> None:
        raise ignored.pop() if ignored else TimedOut(timeout or 0)

    handlers = {signal.SIGINT: on_signal, signal.SIGTERM: on_signal, signal.SIGALRM: on_alarm}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    sys.unraisablehook = note_ignored
    if timeout is not None:
        signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = report_ignored
        for number, handler in before.items():
            signal.signal(number, handler)


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
    ((ff.Stalled, ff.StopTimeout, TimedOut), ExitCode.STALLED),
    ((ff.FreshframeError,), ExitCode.FAILED),
)
