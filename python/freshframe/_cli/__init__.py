"""The command `freshframe`: reads the command line, runs a command and returns its exit code."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .messages import Messages
from .outcome import ExitCode, explain, interruptible, status_of
from .parser import parse

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code; never raises.

    Args:
        arguments: The arguments after the program's name. None means sys.argv.

    Returns:
        An ExitCode.
    """
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
    except SystemExit as end:  # argparse has printed the help, the version or an error
        return _flushed(ExitCode.OK if end.code in (None, 0) else ExitCode.USAGE)
    messages = Messages(command=options.command, level=options.verbose - options.quiet)
    try:
        with messages.log_to_stderr(), interruptible(options.timeout):
            code = options.run(options, messages)
    except SystemExit as end:  # raised by the user's program
        code = status_of(end)
    except BaseException as error:
        code = explain(error, messages, options)
    return _flushed(code)


def _flushed(code: int) -> int:
    """Flushes stdout while a failure can still be reported."""
    if sys.stdout is None or sys.stdout.closed:  # there is none, or a program run by `gil` closed it
        return int(code)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
    except OSError as error:
        _discard_stdout()
        print(f"freshframe: cannot write to stdout: {error.strerror}", file=sys.stderr)
        return int(code or ExitCode.INCOMPLETE)
    return int(code)


def _discard_stdout() -> None:
    """Redirects stdout to the null device, because the flush at exit would report the error again."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
