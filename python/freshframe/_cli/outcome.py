"""Exit codes, and how an interrupted, timed out or failed run becomes one of them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import enum
import errno
import os
import signal
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

    The second SIGINT or SIGTERM has the default action, which ends the process even when Python is stuck.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if timeout is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if os.isatty(2):  # show the cursor that a live display has hidden; sys.stderr is replaced then
            os.write(2, b"\x1b[?25h")
        raise Interrupted(number)

    def on_timeout(number: int, frame: FrameType | None) -> None:
        raise TimedOut(timeout or 0)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    if timeout is not None:
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, on_timeout)
        signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        yield
    finally:
        if timeout is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
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
