"""The messages of a command: lines on stderr, fewer with -q, more with -v. Results go to stdout."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .. import _native
from .._check import as_utf8


class _Stderr(logging.Handler):
    """Writes to the present sys.stderr, which a live display may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Messages:
    """Writes to stderr. `level` is the number of -v minus the number of -q."""

    command: str
    level: int = 0

    def say(self, text: str) -> None:
        """Prints a line, except with -q."""
        if self.level >= 0:
            print(text, file=sys.stderr, flush=True)

    def complain(self, text: str) -> None:
        """Prints an error without the passwords of its URLs, even with -q."""
        shown = _native.mask_passwords(as_utf8(text))
        print(f"freshframe {self.command}: {shown}", file=sys.stderr, flush=True)

    @property
    def bar(self) -> bool:
        """Whether a moving display is wanted and possible."""
        return self.level >= 0 and sys.stderr.isatty()

    @contextmanager
    def log_to_stderr(self) -> Iterator[None]:
        """Prints the package's log: warnings; with -v also INFO, with -vv all of it, with -q nothing."""
        levels = {-1: logging.CRITICAL, 0: logging.WARNING, 1: logging.INFO}
        logger = logging.getLogger("freshframe")
        handler = _Stderr()
        handler.setFormatter(logging.Formatter("freshframe: %(levelname)s: %(message)s"))
        if self.level <= 0:  # a failed node is logged and raised; one message is enough
            handler.addFilter(lambda record: record.levelno < logging.ERROR)
        before = logger.level
        logger.setLevel(levels.get(max(self.level, -1), logging.DEBUG))
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)
