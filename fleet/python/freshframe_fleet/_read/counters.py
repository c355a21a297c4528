"""A reader's records of each outbox that it reads from, so that its counters balance."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from .._wire import Records

Run = tuple[int, int]  # camera number, epoch


@dataclass(slots=True)
class _Page:
    """Holds the newest record of one run's outbox."""

    reported: int = 0
    full: int = 0
    expired: int = 0
    fenced: int = 0
    handed: int = 0
    waiting: int = 0
    progress: int = 0


@dataclass(slots=True)
class Totals:
    """reported == delivered + outbox_full + expired + fenced + lost_with_agent + waiting, always."""

    reported: int = 0
    delivered: int = 0
    outbox_full: int = 0
    expired: int = 0
    fenced: int = 0
    lost_with_agent: int = 0
    waiting: int = 0
    unreported_possible: int = 0
    repeated: int = 0


class Counters:
    """Counts for one reader. The caller holds a lock around each call."""

    # Note [Earlier controllers]
    # A run that began under an earlier controller (its epoch has an older term) may have handed results over
    # before. The program has acknowledged these, except the latest batch, which comes again. So
    # what its first record calls handed counts as delivered, less the results that come again. A run that has
    # ended together with its controller has no record any longer. The program reports how many results it was
    # given in all, and the difference counts as reported and delivered. Results of a run that an earlier
    # controller has refused are kept, and count when a record of the run has come. Where the
    # program was given still fewer than were handed over, the others come again, and so they wait. Once each
    # agent's latest batch has come, they do not: they were refused later, or by the program, and are fenced.
    #
    # A program that opens a named reader reports how many results its controller knew to be delivered, and
    # how many it was given. If records of earlier controllers' runs had not come by then, it reports too few.
    #
    # An agent repeats the last record of a run until the next controller, too, would know it. The runs that
    # were counted are kept together with their sums until it no longer repeats them. A batch that
    # comes again may have an older record of such a run.

    def __init__(self, term: int = 0) -> None:
        """Begins without records. `term`: of the controller, if there were others before it."""
        self._term = term
        self._before: dict[Run, int] = {}  # handed to an earlier controller
        self._given_before = 0
        self._ended: dict[Run, tuple[str, int]] = {}  # the agents that repeat their records; results handed
        self._ended_before: set[Run] = set()  # all that began under an earlier controller
        self._unrepeated: set[Run] = set()  # runs of before whose latest batch may come again
        self._is_restored = False
        self._told: int | None = None  # results that the program was given, as it has told
        self.told_is_all = True  # by all controllers; else it may have been given more
        self._pages: dict[Run, _Page] = {}
        self._closed = Totals()  # totals of runs that are over
        self._accepted = 0
        self._fenced = 0  # results that were handed over and refused, of runs that are not over
        self._refused: dict[Run, int] = {}  # the same by run, also by earlier controllers
        self._repeated = 0
        self._last: dict[int, tuple[int, int]] = {}  # by camera: epoch and ordinal of the latest result

    def note_all(self, records: Records) -> None:
        """Records of outboxes, of any age."""
        for epoch, reported, full, expired, fenced, handed, waiting, camera, _ in records.tolist():
            progress = reported + full + expired + fenced + handed  # grows with each event
            page = self._pages.get((camera, epoch))
            if page is None:
                if (camera, epoch) in self._ended_before:
                    continue
                page = self._pages[camera, epoch] = _Page()
                if epoch >> 32 < self._term and (camera, epoch) not in self._before:
                    refused = self._refused.get((camera, epoch), 0)
                    self._before[camera, epoch] = handed
                    self._given_before += handed - refused
                    self._fenced += refused
                    self._unrepeated.add((camera, epoch))
            elif progress < page.progress:
                continue  # an older one, which was kept
            page.progress = progress
            page.reported, page.full, page.expired = reported, full, expired
            page.fenced, page.handed, page.waiting = fenced, handed, waiting

    def note_delivered(self, count: int) -> None:
        """Notes how many results the program was given in all."""
        self._told = max(self._told or 0, count)

    def note_opened(self, *, again: bool) -> None:
        """A program opens the reader, and adds what it is given to the sum that it gets now.

        ``again``: it adds to an older sum, and others may have been given results since.
        """
        if again or (self._is_restored and self._told is None):
            self.told_is_all = False

    def end(self, run: Run, *, lost: bool, unreported: bool = False) -> None:
        """Ends a run, which sends no further records. Results that wait there are lost with its agent.

        ``unreported``: it may have had results here, and no record of them has come.
        """
        page = self._pages.pop(run, None)
        refused = self._refused.get(run, 0)
        if run not in self._ended:
            self._refused.pop(run, None)
        self._unrepeated.discard(run)
        if run[1] >> 32 < self._term:
            self._ended_before.add(run)
        if page is None:
            self._closed.unreported_possible += unreported
            return
        self._fenced -= refused
        closed = self._closed
        closed.reported += page.reported
        closed.delivered += page.handed - refused
        closed.outbox_full += page.full
        closed.expired += page.expired
        closed.fenced += page.fenced + refused
        closed.lost_with_agent += page.waiting
        closed.unreported_possible += lost

    def end_outbox(self, run: Run, record: Records, agent: str) -> bool:
        """Takes the last record of an outbox. Returns False if it was counted before."""
        if run in self._ended:
            return False
        self.note_all(record)
        self._ended[run] = agent, int(record["handed"][0])
        self.end(run, lost=False)
        return True

    def keep_ended(self, agent: str, runs: Collection[Run]) -> None:
        """The runs whose last records an agent repeats: it repeats no others."""
        for run in [run for run, (name, _) in self._ended.items() if name == agent and run not in runs]:
            del self._ended[run]
            self._refused.pop(run, None)

    def runs(self) -> list[Run]:
        """Returns the runs with a record."""
        return list(self._pages)

    def reported(self, run: Run) -> int | None:
        """Returns the results of a run by its newest record, or None without a record or after its end."""
        page = self._pages.get(run)
        return None if page is None else page.reported

    def is_flushed(self, run: Run) -> bool:
        """Whether nothing waits in this run's outbox."""
        page = self._pages.get(run)
        return page is None or page.waiting == 0

    def receive(self, camera: int, epoch: int, ordinal: int) -> int:
        """A result has arrived. How many are missing before it; -1 means it must not be delivered."""
        last_epoch, last = self._last.get(camera, (-1, -1))
        if epoch < last_epoch:
            return self.refuse(camera, epoch)
        if epoch > last_epoch:
            last = -1 if (camera, epoch) not in self._before else ordinal - 1
        elif ordinal <= last:
            self._repeated += 1
            return -1
        self._last[camera] = (epoch, ordinal)
        self._accepted += 1
        return ordinal - last - 1

    def refuse(self, camera: int, epoch: int) -> int:
        """A result has arrived that cannot be used: -1."""
        self._count_refused((camera, epoch), 1)
        return -1

    def _count_refused(self, run: Run, count: int) -> None:
        if run in self._pages or run not in self._ended:
            self._fenced += count
        else:
            self._closed.delivered -= count
            self._closed.fenced += count
        self._refused[run] = self._refused.get(run, 0) + count
        if not self._refused[run]:
            del self._refused[run]

    def note_again(self, records: Records, results: Records) -> None:
        """Counts results once, although some may have been handed to an earlier controller.

        To be called before they are received.
        """
        for epoch, *_, handed, _, camera, _ in records.tolist() if self._before else ():
            run = camera, epoch
            if handed <= self._before.get(run, -1):
                again = int(((results["camera"] == camera) & (results["epoch"] == epoch)).sum())
                refused = min(again, self._refused.get(run, 0))  # the last ones of a run
                self._count_refused(run, -refused)
                self._given_before -= again - refused
            self._unrepeated.discard(run)

    @property
    def expects_repeats(self) -> bool:
        """Whether batches may come that an earlier controller has got."""
        return bool(self._unrepeated)

    def settle(self, runs: Iterable[Run]) -> None:
        """A batch of their agent has come: none that an earlier controller has got will follow."""
        self._unrepeated.difference_update(runs)

    @property
    def closed(self) -> Totals:
        """The sums of the runs that are over."""
        return replace(self._closed)

    @property
    def ended(self) -> dict[Run, tuple[str, int]]:
        """Returns the runs in these sums whose last records may come again: agents, and results handed."""
        return dict(self._ended)

    @property
    def refused(self) -> dict[Run, int]:
        """Results that were handed over and belong to an epoch that is over, or to no camera.

        Results of runs that are over are in ``closed``, and here only if they may come again.
        """
        return dict(self._refused)

    def restore(
        self, closed: Totals, ended: Mapping[Run, tuple[str, int]], refused: Mapping[Run, int]
    ) -> None:
        """The ``closed``, ``ended`` and ``refused`` of an earlier controller."""
        self._is_restored = True
        self._refused = dict(refused)
        self._closed = replace(closed)
        self._given_before += self._closed.delivered
        self._ended = dict(ended)
        self._ended_before.update(ended)
        self._before |= {run: handed for run, (_, handed) in ended.items()}

    def forget(self, cameras: Collection[int]) -> None:
        """No result of these cameras will come any more."""
        for camera in cameras:
            self._last.pop(camera, None)
        for run in [run for run in self._before if run[0] in cameras]:
            del self._before[run]
        self._unrepeated = {run for run in self._unrepeated if run[0] not in cameras}
        self._refused = {run: each for run, each in self._refused.items() if run[0] not in cameras}
        self._ended_before = {run for run in self._ended_before if run[0] not in cameras}

    def knows(self, camera: int, epoch: int) -> bool:
        """Whether a result of this start has arrived before."""
        return self._last.get(camera, (-1, -1))[0] == epoch

    def totals(self, buffered: int) -> Totals:
        """The sums of all runs. ``buffered``: results that have arrived and were not delivered yet."""
        closed = self._closed
        totals = Totals(
            reported=closed.reported,
            delivered=self._accepted + self._given_before - buffered,
            outbox_full=closed.outbox_full,
            expired=closed.expired,
            fenced=closed.fenced + self._fenced,
            lost_with_agent=closed.lost_with_agent,
            waiting=buffered,
            unreported_possible=closed.unreported_possible,
            repeated=self._repeated,
        )
        self._compare_totals(totals)
        for page in self._pages.values():
            totals.reported += page.reported
            totals.outbox_full += page.full
            totals.expired += page.expired
            totals.fenced += page.fenced
            totals.waiting += page.waiting
        return totals

    def _compare_totals(self, totals: Totals) -> None:
        if self._told is None:
            return
        without_record = max(0, self._told - totals.delivered)
        totals.reported += without_record
        totals.delivered += without_record
        not_given = totals.delivered - self._told if self.told_is_all else 0
        totals.delivered -= not_given
        if self._unrepeated:
            totals.waiting += not_given
        else:
            totals.fenced += not_given
