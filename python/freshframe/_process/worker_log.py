"""Forwards log records of another process to the loggers of its parent."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import time
from typing import Any

from .error_text import printable

_MOST_RECORDS = 1000  # per second


def log_levels() -> dict[str, int]:
    """Returns the levels of all loggers, so that another process sends only records that would be logged."""
    levels = {"": logging.getLogger().level}
    for name, logger in logging.Logger.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and logger.level != logging.NOTSET:
            levels[name] = logger.level
    return levels


class ToParent(logging.Handler):
    """Sends formatted records to the parent's logging. Never blocks."""

    def __init__(self, end: Any) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._end = end
        self._second = 0.0
        self._sent = 0
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._send(record.levelno, printable(record.name), printable(self.format(record)))
        except Exception:  # invalid arguments of the record, as in logging itself
            self.handleError(record)

    def close(self) -> None:
        """Reports the lost records that no later record has reported."""
        if self._lost:
            text = f"{self._lost} log records of a worker were lost: they arrived too fast"
            if self._end.log(logging.WARNING, "freshframe", text):
                self._lost = 0
        super().close()

    def _send(self, level: int, logger: str, text: str) -> None:
        now = time.monotonic()
        if now - self._second >= 1:
            self._second, self._sent = now, 0
        self._sent += 1
        if self._lost:
            text += f" (and {self._lost} more, which arrived too fast)"
        if self._sent <= _MOST_RECORDS and self._end.log(level, logger, text):
            self._lost = 0
        else:
            self._lost += 1


def log_to_parent(end: Any, levels: dict[str, int]) -> ToParent:
    """Called in the other process. From now on, all records and warnings are sent to the parent's loggers.

    Returns the handler, whose close() counts the records that were lost at the end.
    """
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)
    handler = ToParent(end)
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    return handler
