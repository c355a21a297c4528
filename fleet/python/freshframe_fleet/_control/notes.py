"""The events and log lines of a fleet, without passwords.

Logging happens on another thread, because a user's log handler may block while the controller has to answer
renewals.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import traceback
from collections import deque

from .._decide.decisions import Decisions
from .._stats import FleetEvent
from .._url import masked
from .loop import boot_time

_MOST_EVENTS = 1000
_MOST_LINES = 10_000  # lines that wait
_PATIENCE = 1.0  # how long to wait for log handlers when the fleet closes, in seconds

Line = tuple[int, str, str]  # level, logger, text


class Notes:
    """Collects the events and log lines of one fleet. Requires the controller's lock."""

    def __init__(self, name: str, decisions: Decisions) -> None:
        """Starts without any events."""
        self._name = name
        self._decisions = decisions
        self._events: deque[FleetEvent] = deque(maxlen=_MOST_EVENTS)
        self._logs = AgentLogs(name)

    def add(self, about: str, text: str) -> None:
        """Adds an event with the current time."""
        self._decisions.events.append((boot_time(), about, text))

    def take(self) -> list[FleetEvent]:
        """Collects the events and warnings of the decisions. Returns the newest 1,000 events."""
        offset = time.time() - boot_time()
        for when, about, text in self._decisions.events:
            self._events.append(FleetEvent(when + offset, about, masked(text)))
        self._decisions.events.clear()
        state = self._decisions.state
        warnings, state.warnings = state.warnings, []
        for text in warnings:
            self.log(logging.WARNING, "freshframe", f"fleet {self._name!r}: {text}")
        return list(self._events)

    def log(self, level: int, logger: str, text: str) -> None:
        """Logs a line. Thread-safe."""
        self._logs.put(level, logger, masked(text))

    def log_error(self, text: str) -> None:
        """Logs an error with the exception being handled."""
        self.log(logging.ERROR, "freshframe", f"{text}\n{traceback.format_exc()}")

    def close(self) -> None:
        """Logs the pending lines."""
        self._logs.close()


class AgentLogs:
    """Writes the log lines of one fleet's agents. put() never blocks."""

    def __init__(self, name: str) -> None:
        """The first line starts the thread, which ends when there are no more lines."""
        self._name = f"log of fleet {name}"
        self._lines: deque[Line] = deque()
        self._lost = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, level: int, logger: str, text: str) -> None:
        """Queues a line to be logged."""
        with self._lock:
            if len(self._lines) >= _MOST_LINES:
                self._lost += 1
                return
            self._lines.append((level, logger, text))
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                with contextlib.suppress(RuntimeError):  # no thread can be started: the next line tries again
                    thread.start()
                    self._thread = thread

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
        """Logs the pending lines, unless a handler hangs."""
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)


def _log(level: int, logger: str, text: str) -> None:
    try:
        logging.getLogger(logger).log(level, "%s", text)
    except Exception:  # raised by the user's handler or filter
        sys.excepthook(*sys.exc_info())
