"""Counts a reader's results from its outboxes' records, so that every result is accounted for."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from .._wire import Records

Run = tuple[int, int]  # camera number, epoch


@dataclass(slots=True)
class _Page:
    """The newest record of one run's outbox."""

    reported: int = 0
    full: int = 0
    expired: int = 0
    fenced: int = 0
    handed: int = 0
    waiting: int = 0
    progress: int = 0
    refused: int = 0  # results that arrived after those of a later run, so they were rejected


@dataclass(slots=True)
class Totals:
    """A reader's counts.

    Always: reported == delivered + outbox_full + expired + fenced + lost_with_agent + waiting.
    """

    reported: int = 0
    delivered: int = 0
    outbox_full: int = 0
    expired: int = 0
    fenced: int = 0
    lost_with_agent: int = 0
    waiting: int = 0
    unreported_possible: int = 0


class Counters:
    """The counters of one reader. Not thread-safe: the caller holds a lock."""

    def __init__(self) -> None:
        """Starts without records."""
        self._pages: dict[Run, _Page] = {}
        self._closed = Totals()  # totals of runs that have ended
        self._accepted = 0
        self._last: dict[int, tuple[int, int]] = {}  # by camera: epoch and ordinal of the latest result

    def note_all(self, records: Records) -> None:
        """Updates the counters with records of outboxes, in any order."""
        for epoch, reported, full, expired, fenced, handed, waiting, camera, _ in records.tolist():
            progress = reported + full + expired + fenced + handed  # grows with each event
            page = self._pages.get((camera, epoch))
            if page is None:
                page = self._pages[camera, epoch] = _Page()
            elif progress < page.progress:
                continue  # older than the stored record
            page.progress = progress
            page.reported, page.full, page.expired = reported, full, expired
            page.fenced, page.handed, page.waiting = fenced, handed, waiting

    def end(self, run: Run, *, lost: bool, unreported: bool = False) -> None:
        """Ends a run, which sends no more records. Results that are still queued are lost with its agent.

        ``lost``: it ended without a last record, so later results may be unreported.
        ``unreported``: it may have had results although no record of it has arrived.
        """
        page = self._pages.pop(run, None)
        closed = self._closed
        if page is None:
            closed.unreported_possible += unreported
            return
        closed.reported += page.reported
        closed.delivered += page.handed - page.refused
        closed.outbox_full += page.full
        closed.expired += page.expired
        closed.fenced += page.fenced + page.refused
        closed.lost_with_agent += page.waiting
        closed.unreported_possible += lost

    def end_outbox(self, run: Run, record: Records) -> None:
        """Handles the last record of an outbox."""
        self.note_all(record)
        self.end(run, lost=False)

    def reported(self, run: Run) -> int | None:
        """Returns the number of results that the newest record of a run reports.

        Returns None without a record, or after the end of the run.
        """
        page = self._pages.get(run)
        return None if page is None else page.reported

    def runs(self) -> list[Run]:
        """Returns the runs with a record."""
        return list(self._pages)

    def is_flushed(self, run: Run) -> bool:
        """Returns True if there are no results in this run's outbox."""
        page = self._pages.get(run)
        return page is None or page.waiting == 0

    def receive(self, camera: int, epoch: int, ordinal: int) -> int:
        """Counts a result. Returns how many were lost before it, or -1 if it must not be delivered.

        It must not be delivered if a later run of this camera has already delivered results. The record of
        its outbox must have been handled before.
        """
        last_epoch, last = self._last.get(camera, (-1, -1))
        if epoch < last_epoch:
            self._pages[camera, epoch].refused += 1
            return -1
        if epoch > last_epoch:
            last = -1
        self._last[camera] = (epoch, ordinal)
        self._accepted += 1
        return ordinal - last - 1

    def forget(self, cameras: Collection[int]) -> None:
        """Called when no more results of these cameras can arrive."""
        for camera in cameras:
            self._last.pop(camera, None)

    def totals(self, buffered: int) -> Totals:
        """Adds up all runs. ``buffered``: results that have arrived and were not delivered yet."""
        totals = replace(self._closed, delivered=self._accepted - buffered)
        totals.waiting = buffered
        for page in self._pages.values():
            totals.reported += page.reported
            totals.outbox_full += page.full
            totals.expired += page.expired
            totals.fenced += page.fenced + page.refused
            totals.waiting += page.waiting
        return totals
