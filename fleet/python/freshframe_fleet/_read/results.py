"""Results that have arrived at a reader: the controller puts them in, and the reader takes them out."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from .._wire import Batch, Records
from .counters import Counters, Run, Totals

MOST_BUFFERED = 1000  # results that wait here; beyond it they wait at the agents


class Result(NamedTuple):
    """A result that has arrived at a reader, and was not unpickled."""

    camera: int
    epoch: int  # epoch of the camera's run
    seq: int
    part: int
    pts: float  # seconds
    captured: float  # Unix time
    missing: int  # results of this camera before it that were lost
    ordinal: int  # among the run's results
    data: memoryview  # its pickle


class Results:
    """Holds the results of one reader. Any thread may use it."""

    def __init__(
        self,
        number: int,
        output: str,
        name: str | None = None,
        wants: Callable[[], None] = lambda: None,
    ) -> None:
        """Begins without results.

        Args:
            number: Of the reader, within its fleet.
            output: That it reads.
            name: Under which the reader can come back, or None if it cannot.
            wants: Called when there is room again, after makes_room() has found none.
        """
        self.number = number
        self.output = output
        self.name = name
        self.changed = threading.Condition()  # guards the rest
        self.items: deque[Result] = deque()  # items that have arrived and were not delivered
        self.counters = Counters()
        self.closed = False  # by its program
        self.ended = False
        self.error: str | None = None
        self.failure: str | None = None  # failure of the controller
        self.taken: Callable[[], int] = lambda: 0  # results that are no items any more and were not delivered
        self._wants = wants
        self._starved = False  # nothing was pulled, as there was no room
        self._has_news = False  # results have arrived since the reader was woken
        self._listeners: set[Callable[[], None]] = set()

    def wake(self) -> None:
        """Wakes all that wait for a change, which has been made. With `changed`."""
        self.changed.notify_all()
        for listener in self._listeners:
            listener()

    @contextlib.contextmanager
    def notify(self, listener: Callable[[], None]) -> Iterator[None]:
        """Calls `listener` after each change, from any thread and with `changed`. It must not wait."""
        with self.changed:
            self._listeners.add(listener)
        try:
            yield
        finally:
            with self.changed:
                self._listeners.discard(listener)

    # ---- the controller's side

    @property
    def has_room(self) -> bool:
        """Whether more can be pulled."""
        return len(self.items) < MOST_BUFFERED

    def makes_room(self) -> bool:
        """Whether it has room; else it calls `wants` when it has."""
        if not self.has_room:
            self._starved = True  # before the second look: the user's thread may read all of it meanwhile
        return self.has_room

    def push(self, batch: Batch) -> None:
        """Takes the results of a batch. The reader does not hear of them before announce()."""
        begin = 0
        with self.changed:
            self.counters.note_all(batch.outboxes)
            receive, items, pickles = self.counters.receive, self.items, batch.pickles
            for epoch, ordinal, seq, part, pts, captured, camera, size in batch.results.tolist():
                missing = receive(camera, epoch, ordinal)
                if missing >= 0:
                    data = pickles[begin : begin + size]
                    items.append(Result(camera, epoch, seq, part, pts, captured, missing, ordinal, data))
                begin += size
            self._has_news = True

    def announce(self) -> None:
        """Wakes the reader if results have arrived.

        To be called before a wait, since the reader wants the GIL at once.
        """
        if self._has_news:
            self._has_news = False
            with self.changed:
                self.wake()

    def note(self, records: Records) -> None:
        """Takes records of outboxes."""
        with self.changed:
            self.counters.note_all(records)

    def end_run(self, run: Run, *, lost: bool, unreported: bool = False) -> None:
        """Counts a run as over. See Counters.end()."""
        with self.changed:
            self.counters.end(run, lost=lost, unreported=unreported)

    def end_outbox(self, run: Run, record: Records) -> None:
        """Takes the last record of an outbox. See Counters.end_outbox()."""
        with self.changed:
            self.counters.end_outbox(run, record)

    def is_flushed(self, run: Run) -> bool:
        """Whether nothing waits in this run's outbox."""
        with self.changed:
            return self.counters.is_flushed(run)

    def totals(self) -> Totals:
        """Adds up the reader's counters."""
        with self.changed:
            return self.counters.totals(len(self.items) + self.taken())

    def cameras(self) -> set[int]:
        """Numbers of the cameras whose results wait here."""
        with self.changed:
            return {item.camera for item in self.items}

    def forget(self, cameras: Collection[int]) -> None:
        """These cameras were removed, and no result of them will come."""
        with self.changed:
            self.counters.forget(cameras)

    def finish(self, error: str | None = None, failure: str | None = None) -> None:
        """No more results will come."""
        with self.changed:
            self.ended = True
            self.error = self.error or error
            self.failure = self.failure or failure
            self.wake()

    # ---- the reader's side

    def close(self) -> bool:
        """Notes that the program has ended the reading. Returns False if it was closed before.

        One step: open() of a reader of this name on another thread comes before it or after it.
        """
        with self.changed:
            was_closed, self.closed, self.ended = self.closed, True, True
            self.wake()
            return not was_closed

    def reopen(self) -> None:
        """The reader comes back, with its remaining results."""
        with self.changed:
            self.closed = self.ended = False

    def left(self) -> None:
        """Asks for more if an item has left and nothing was pulled for lack of room."""
        if self._starved and len(self.items) <= MOST_BUFFERED // 2:
            self._starved = False
            self._wants()
