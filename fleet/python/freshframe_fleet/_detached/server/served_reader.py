"""A detached fleet's reader at its controller: results leave it when the program has acknowledged them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import secrets

from ..._read.results import Result, Results


class ServedReader:
    """Each of its results has a serial, from 1, in the order of their arrival."""

    def __init__(self, results: Results) -> None:
        """Begins before anything was sent."""
        self.results = results
        self.incarnation = secrets.token_hex(8)  # serials are its own
        self.acknowledged = 0  # serial
        self._sent = 0  # serial
        self._turn = 0  # grows with each connection
        self._last_of: dict[str, int] = {}  # serial of the last result of an agent's latest batch

    def note_batch(self, agent: str) -> None:
        """The agent's batch has come."""
        with self.results.changed:
            self._last_of[agent] = self.acknowledged + len(self.results.items)

    def owes(self, agent: str) -> bool:
        """Whether the program has not acknowledged all of the agent's latest batch: the agent keeps it."""
        return self._last_of.get(agent, 0) > self.acknowledged

    def rewind(self) -> int:
        """Results that were not acknowledged are sent again, to a new connection, whose turn this is."""
        with self.results.changed:
            self._sent = self.acknowledged
            self._turn += 1
            self.results.changed.notify_all()
            return self._turn

    def acknowledge(self, serial: int, delivered: int) -> None:
        """Notes that the program has all results up to this one, and how many in all."""
        items = self.results.items
        with self.results.changed:
            self.results.counters.note_delivered(delivered)
            before = len(items)
            while self.acknowledged < serial and items:
                items.popleft()
                self.acknowledged += 1
            self._sent = max(self._sent, self.acknowledged)
            after = len(items)
        if after < before:
            self.results.want()

    def take(self, turn: int, most: int, most_bytes: int, timeout: float) -> tuple[int, list[Result]]:
        """The serial of the first, and results that were not sent yet; waits until there are some.

        A connection whose turn is over gets none: results that it lost would not be sent again.
        """
        results = self.results
        with results.changed:
            results.changed.wait_for(
                lambda: self._unsent() > 0 or results.ended or self._turn != turn, timeout
            )
            if self._turn != turn:
                return self._sent + 1, []
            begin = self._sent - self.acknowledged
            taken: list[Result] = []
            size = 0
            for item in itertools.islice(results.items, begin, begin + most):
                size += len(item.data)
                if taken and size > most_bytes:
                    break
                taken.append(item)
            first = self._sent + 1
            self._sent += len(taken)
            return first, taken

    def _unsent(self) -> int:
        return self.acknowledged + len(self.results.items) - self._sent

    def end(self) -> tuple[str | None, str | None] | None:
        """Returns the error and the failure with which it has ended, or None if more may come."""
        results = self.results
        with results.changed:
            return (results.error, results.failure) if results.ended and self._unsent() == 0 else None
