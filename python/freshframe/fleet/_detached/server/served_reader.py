"""A detached fleet's reader at its controller: results leave it when the program has acknowledged them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import secrets
from typing import Any

from ..._read.counters import Books
from ..._read.reader import FleetReader, _Item
from ..._wire import Batch


class ServedReader(FleetReader):
    """Its get() is never called. Each result has a serial, from 1, in the order of their arrival."""

    def __init__(self, *arguments: Any) -> None:
        """As FleetReader."""
        super().__init__(*arguments)
        self.incarnation = secrets.token_hex(8)  # serials are its own
        self.acknowledged = 0  # serial
        self._sent = 0  # serial
        self._turn = 0  # grows with each connection
        self._last_of: dict[str, int] = {}  # serial of the last result of an agent's latest batch

    def begin(self, term: int) -> None:
        """Of this controller."""
        self._books = Books(term)

    def _push(self, batch: Batch, clock_offset: float = 0.0) -> None:
        with self._changed:
            super()._push(batch, clock_offset)
            self._books.note_again(batch.outboxes, batch.results)

    def note_batch(self, agent: str) -> None:
        """The agent's batch has come."""
        with self._changed:
            self._last_of[agent] = self.acknowledged + len(self._items)

    def owes(self, agent: str) -> bool:
        """Whether the program has not acknowledged all of the agent's latest batch: the agent keeps it."""
        return self._last_of.get(agent, 0) > self.acknowledged

    def wait_for_its_program(self) -> None:
        """Of an earlier controller: closed until its program comes back."""
        self._closed = True

    def rewind(self) -> int:
        """Results that were not acknowledged are sent again, to a new connection, whose turn this is."""
        with self._changed:
            self._sent = self.acknowledged
            self._turn += 1
            self._changed.notify_all()
            return self._turn

    def acknowledge(self, serial: int) -> None:
        """The program has been given all results up to this one."""
        with self._changed:
            before = len(self._items)
            while self.acknowledged < serial and self._items:
                self._items.popleft()
                self.acknowledged += 1
            self._sent = max(self._sent, self.acknowledged)
            after = len(self._items)
        if after < before:
            self._wants()

    def take(self, turn: int, most: int, most_bytes: int, timeout: float) -> tuple[int, list[_Item]]:
        """The serial of the first, and results that were not sent yet; waits until there are some.

        A connection whose turn is over gets none: results that it lost would not be sent again.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._unsent() > 0 or self._ended or self._turn != turn, timeout)
            if self._turn != turn:
                return self._sent + 1, []
            begin = self._sent - self.acknowledged
            taken: list[_Item] = []
            size = 0
            for item in itertools.islice(self._items, begin, begin + most):
                size += len(item[-1])
                if taken and size > most_bytes:
                    break
                taken.append(item)
            first = self._sent + 1
            self._sent += len(taken)
            return first, taken

    def _unsent(self) -> int:
        return self.acknowledged + len(self._items) - self._sent

    def end(self) -> tuple[str | None, str | None] | None:
        """The error and the failure with which it has ended; None: more may come."""
        with self._changed:
            return (self._error, self._failure) if self._ended and self._unsent() == 0 else None
