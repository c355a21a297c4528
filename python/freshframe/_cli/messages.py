"""Messages of a command on stderr, fewer with -q and more with -v. Results go to stdout."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .. import _native
from .._check import as_utf8

# These commands call open() themselves, so their users cannot follow advice about its arguments.
_OPENS_ITSELF = frozenset({"demo", "probe", "track", "view"})
_FOR_PROGRAMS = {
    " (pass reconnect=False to open() to fail instead)": "",
    ", or pass reconnect=True to open() to wait for the source": "",
    "call Pipeline.serve() first, then open Dashboard.camera_url() in the browser": (
        "pass --serve PORT, then open the link that it prints for the camera"
    ),
    "the link of Dashboard.camera_url()": "the link of the camera",
}
_ADVICE = re.compile("|".join(map(re.escape, _FOR_PROGRAMS)))


def _shown(command: str, text: str) -> str:
    """Removes or replaces advice that users of the command cannot follow."""
    if command not in _OPENS_ITSELF:
        return text
    return _ADVICE.sub(lambda match: _FOR_PROGRAMS[match[0]], text)


class _Stderr(logging.Handler):
    """Writes to the current sys.stderr, which a live display may have replaced."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command

    def emit(self, record: logging.LogRecord) -> None:
        print(_shown(self._command, self.format(record)), file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Messages:
    """Writes to stderr. ``level`` is the number of -v options minus the number of -q options."""

    command: str
    level: int = 0

    def say(self, text: str) -> None:
        """Prints a line, except with -q."""
        if self.level >= 0:
            print(text, file=sys.stderr, flush=True)

    def complain(self, text: str) -> None:
        """Prints an error, also with -q. Masks passwords in URLs."""
        shown = _native.mask_passwords(_shown(self.command, as_utf8(text)))
        print(f"freshframe {self.command}: {shown}", file=sys.stderr, flush=True)

    @property
    def bar(self) -> bool:
        """Returns True if a live display is wanted and stderr is a terminal."""
        return self.level >= 0 and sys.stderr.isatty()

    @contextmanager
    def log_to_stderr(self) -> Iterator[None]:
        """Prints the package's log: warnings; with -v also INFO, with -vv all of it, with -q nothing."""
        levels = {-1: logging.CRITICAL, 0: logging.WARNING, 1: logging.INFO}
        logger = logging.getLogger("freshframe")
        handler = _Stderr(self.command)
        handler.setFormatter(logging.Formatter("freshframe: %(levelname)s: %(message)s"))
        if self.level <= 0:  # a failed node is also raised, and the exception is printed
            handler.addFilter(lambda record: record.levelno < logging.ERROR)
        before = logger.level
        logger.setLevel(levels.get(max(self.level, -1), logging.DEBUG))
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)
