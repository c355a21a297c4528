"""Results that have arrived for a reader: the controller adds them, and the reader removes them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from .._wire import Batch, Records
from .counters import Counters, Run, Totals

MOST_BUFFERED = 1000  # maximum number of results queued here; others stay at the agents


class Result(NamedTuple):
    """A result that has arrived for a reader, still pickled."""

    camera: int
    epoch: int
    seq: int
    part: int
    pts: float  # seconds
    captured: float  # Unix time
    missing: int  # number of this camera's results lost since the previous one
    ordinal: int  # index among the run's results
    data: memoryview  # its pickle


class Results:
    """The results of one reader. Thread-safe."""

    def __init__(
        self,
        number: int,
        output: str,
        name: str | None = None,
        wants: Callable[[], None] = lambda: None,
    ) -> None:
        """Starts without any results.

        Args:
            number: Number of the reader in its fleet.
            output: The output that it reads.
            name: Name with which the reader can be resumed, or None if it cannot.
            wants: Called when there is room again, after makes_room() has returned False.
        """
        self.number = number
        self.output = output
        self.name = name
        self.changed = threading.Condition()  # guards the rest
        self.items: deque[Result] = deque()  # results that have arrived and were not delivered
        self.counters = Counters()
        self.closed = False  # whether its program has closed it
        self.ended = False
        self.error: str | None = None
        self.failure: str | None = None  # why the controller has failed
        # Returns the number of results removed from `items` but not delivered.
        self.taken: Callable[[], int] = lambda: 0
        self._wants = wants
        self._starved = False  # nothing was pulled, because there was no room
        self._has_news = False  # results have arrived since the reader was last woken
        self._listeners: set[Callable[[], None]] = set()

    def wake(self) -> None:
        """Wakes all waiting threads after a change. Requires `changed`."""
        self.changed.notify_all()
        for listener in self._listeners:
            listener()

    @contextlib.contextmanager
    def notify(self, listener: Callable[[], None]) -> Iterator[None]:
        """Calls `listener` after each change, on any thread and with `changed` held. It must not block."""
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
        """True if more can be pulled."""
        return len(self.items) < MOST_BUFFERED

    def makes_room(self) -> bool:
        """Returns True if there is room. Otherwise, `wants` is called when there is."""
        if not self.has_room:
            # Before the second check, because the user's thread may read everything in the meantime.
            self._starved = True
        return self.has_room

    def push(self, batch: Batch) -> None:
        """Adds the results of a batch. The reader is not woken before announce()."""
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

        Call it just before waiting, because the reader that wakes up requests the GIL immediately.
        """
        if self._has_news:
            self._has_news = False
            with self.changed:
                self.wake()

    def note(self, records: Records) -> None:
        """Updates the counters with records of outboxes."""
        with self.changed:
            self.counters.note_all(records)

    def end_run(self, run: Run, *, lost: bool, unreported: bool = False) -> None:
        """Ends a run. See Counters.end()."""
        with self.changed:
            self.counters.end(run, lost=lost, unreported=unreported)

    def end_outbox(self, run: Run, record: Records) -> None:
        """Handles the last record of an outbox. See Counters.end_outbox()."""
        with self.changed:
            self.counters.end_outbox(run, record)

    def is_flushed(self, run: Run) -> bool:
        """Returns True if there are no results in this run's outbox."""
        with self.changed:
            return self.counters.is_flushed(run)

    def totals(self) -> Totals:
        """Returns the sums of the reader's counters."""
        with self.changed:
            return self.counters.totals(len(self.items) + self.taken())

    def cameras(self) -> set[int]:
        """Returns the numbers of the cameras with results queued here."""
        with self.changed:
            return {item.camera for item in self.items}

    def forget(self, cameras: Collection[int]) -> None:
        """Called when these cameras were removed, and no more results of them can arrive."""
        with self.changed:
            self.counters.forget(cameras)

    def finish(self, error: str | None = None, failure: str | None = None) -> None:
        """Called when no more results will arrive."""
        with self.changed:
            self.ended = True
            self.error = self.error or error
            self.failure = self.failure or failure
            self.wake()

    # ---- the reader's side

    def close(self) -> bool:
        """Closes the results for the program. Returns False if they were already closed.

        Atomic with respect to opening a reader of this name on another thread.
        """
        with self.changed:
            was_closed, self.closed, self.ended = self.closed, True, True
            self.wake()
            return not was_closed

    def reopen(self) -> None:
        """Reopens the reader, with its remaining results."""
        with self.changed:
            self.closed = self.ended = False

    def left(self) -> None:
        """Asks for more if nothing was pulled for lack of room, and there is room now."""
        if self._starved and len(self.items) <= MOST_BUFFERED // 2:
            self._starved = False
            self._wants()
