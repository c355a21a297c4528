"""Log lines of agents and of the controller, logged by a thread of their own.

A handler of the user's may wait: the controller answers renewals meanwhile.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import sys
import threading
from collections import deque

_MOST = 10_000  # lines that wait
_PATIENCE = 1.0  # seconds that a handler has when the fleet is closed

Line = tuple[int, str, str]  # level, logger, text


class AgentLogs:
    """Writes the log lines of one fleet's agents. put() waits for nothing."""

    def __init__(self, name: str) -> None:
        """Makes a writer whose thread begins with a line, and ends when there are no more."""
        self._name = f"log of fleet {name}"
        self._lines: deque[Line] = deque()
        self._lost = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, level: int, logger: str, text: str) -> None:
        """A line to be logged."""
        with self._lock:
            if len(self._lines) >= _MOST:
                self._lost += 1
                return
            self._lines.append((level, logger, text))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._lines:
                    self._thread = None
                    return
                lines, self._lines = self._lines, deque()
                lost, self._lost = self._lost, 0
            if lost:
                lines.append((logging.WARNING, "freshframe", f"{lost} log lines of agents were lost"))
            for line in lines:
                _log(*line)

    def close(self) -> None:
        """Logs the waiting lines, unless a handler is stuck."""
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)


def _log(level: int, logger: str, text: str) -> None:
    try:
        logging.getLogger(logger).log(level, "%s", text)
    except Exception:  # of the user's handler or filter
        sys.excepthook(*sys.exc_info())
