"""A fleet's events and log lines, both without passwords."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import time
import traceback
from collections import deque

from .._decide.decisions import Decisions
from .._stats import FleetEvent
from .._url import masked
from .agent_logs import AgentLogs
from .loop import boot_time

_MOST_EVENTS = 1000


class Notes:
    """Collects the notes of one fleet. The caller holds the controller's lock."""

    def __init__(self, name: str, decisions: Decisions) -> None:
        """No events yet."""
        self._name = name
        self._decisions = decisions
        self._events: deque[FleetEvent] = deque(maxlen=_MOST_EVENTS)
        self._logs = AgentLogs(name)

    def add(self, about: str, text: str) -> None:
        """Adds an event."""
        self._decisions.events.append((boot_time(), about, text))

    def take(self) -> list[FleetEvent]:
        """Takes the events and warnings of the decisions. All events, the newest 1,000."""
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
        """A log line. Any thread."""
        self._logs.put(level, logger, masked(text))

    def log_error(self, text: str) -> None:
        """Logs an error with the exception that is being handled."""
        self.log(logging.ERROR, "freshframe", f"{text}\n{traceback.format_exc()}")

    def close(self) -> None:
        """Logs the lines that wait."""
        self._logs.close()
