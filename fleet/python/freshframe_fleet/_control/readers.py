"""The readers of a fleet in its controller: the results that agents send them, and the ends of their runs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from freshframe import StateError

from .. import _wire
from .._decide.model import Run
from .._read.results import Results
from .._wire import Records
from .agents.link import Link
from .agents.links import Links
from .builds.builds import Builds

_AT_A_PULL = (500, 1 << 20)  # results, bytes


class Readers:
    """The readers of a fleet. Requires the controller's lock."""

    def __init__(
        self,
        links: Links,
        builds: Builds,
        wants: Callable[[], None],
    ) -> None:
        """Starts without any readers. ``wants``: called on any thread when a reader has room again."""
        self._links = links
        self._builds = builds
        self._wants = wants
        self._all: dict[int, Results] = {}
        self._named: dict[str, Results] = {}
        self._next = 1  # number of the next reader; never reused

    def __iter__(self) -> Iterator[Results]:
        """Iterates over all readers."""
        return iter(self._all.values())

    def get(self, number: int) -> Results | None:
        """Returns a reader by its number."""
        return self._all.get(number)

    # ---- readers that are opened and closed

    def open(self, output: str, name: str | None) -> Results:
        """Opens a new reader, or reopens a closed one of this name.

        Raises:
            StateError: The reader of this name is open, or reads another output.
        """
        known = self._named.get(name) if name is not None else None
        if known is not None:
            if known.output != output:
                raise StateError(
                    f"reader {name!r} reads {known.output!r}, not {output!r}: a name stays with its output, "
                    "so pass another name"
                )
            if not known.closed:
                raise StateError(f"reader {name!r} is already open: close it first")
            known.reopen()
            self._check(known)
            return known
        reader = Results(self._next, output, name, self._wants)
        self._next += 1
        self._all[reader.number] = reader
        if name is not None:
            self._named[name] = reader
        for link in self._links:
            self._send_reader(reader, link)
        self._check(reader)
        return reader

    def _send_reader(self, reader: Results, link: Link) -> None:
        link.send(_wire.reader(reader.number, reader.output))

    def forget(self, reader: Results) -> None:
        """Removes a reader that is closed for good."""
        self._all.pop(reader.number, None)
        if self._named.get(reader.name or "") is reader:
            del self._named[reader.name or ""]
        for link in self._links:
            link.pulled.discard(reader.number)
            link.send(_wire.reader_gone(reader.number))

    def introduce(self, link: Link) -> None:
        """Sends an agent all readers that it does not have yet."""
        for reader in self:
            self._send_reader(reader, link)

    def check(self) -> None:
        """Ends readers of an output that no build has, once the outputs of all builds in use are known."""
        for reader in self:
            self._check(reader)

    def _check(self, reader: Results) -> None:
        why = self._builds.why_not(reader.output)
        if why is not None:
            reader.finish(why)

    # ---- results

    def pull(self) -> None:
        """Asks the agents for results for all readers that have room."""
        for reader in self:
            if reader.makes_room():
                for link in self._links:
                    self._pull(link, reader)

    def _pull(self, link: Link, reader: Results) -> None:
        number = reader.number
        if link.socket is None or number in link.pulled or not reader.has_room:
            return
        link.pulled.add(number)
        link.send(_wire.pull(number, _AT_A_PULL))

    def take(self, link: Link, batch: _wire.Batch) -> None:
        """Handles a batch of an agent."""
        reader = self.get(batch.reader)
        link.pulled.discard(batch.reader)
        if reader is not None:
            reader.push(batch)

    def announce(self) -> None:
        """Wakes the readers for which results have arrived."""
        for reader in self:
            reader.announce()

    # ---- runs

    def is_flushed(self, run: Run) -> bool:
        """Returns True if an agent has no more results of a run for any reader."""
        for link in self._links:
            if link.runs.find_build(run) is None:
                continue
            records = link.latest.cameras
            if ((records["camera"] == run[0]) & (records["epoch"] == run[1])).any():
                return False  # its last records have not arrived
            records = link.latest.outboxes
            records = records[(records["camera"] == run[0]) & (records["epoch"] == run[1])]
            for record in records:
                reader = self.get(int(record["reader"]))
                if reader is not None:
                    reader.note(record.reshape(1))
        return all(reader.is_flushed(run) for reader in self)

    def fold(self, link: Link) -> None:
        """Updates the readers' counters with a link's latest records."""
        records = link.latest.outboxes
        for reader in self:
            mine = records[records["reader"] == reader.number]
            if len(mine):
                reader.note(mine)

    def end_outboxes(self, link: Link, records: Records) -> None:
        """Handles the last records of outboxes."""
        for record in records:
            run = int(record["camera"]), int(record["epoch"])
            reader = self.get(int(record["reader"]))
            if reader is not None:
                reader.end_outbox(run, record.reshape(1))
            link.runs.note_last_record(run)

    def lose(self, link: Link) -> None:
        """Counts the results of an agent's runs as lost."""
        self.fold(link)
        for reader in self:
            for run in link.runs.all():
                build = link.runs.find_build(run)
                unreported = build is not None and self._builds.may_give(build, reader.output)
                reader.end_run(run, lost=True, unreported=unreported)

    def cameras(self) -> set[int]:
        """Returns the numbers of the cameras with results queued here."""
        return {camera for reader in self for camera in reader.cameras()}

    def forget_cameras(self, cameras: Collection[int]) -> None:
        """Forgets cameras that were removed and have no results in use."""
        for reader in self if cameras else ():
            reader.forget(cameras)

    # ---- the end

    def finish(self, failure: str | None) -> None:
        """Called when no more results will arrive."""
        for reader in self:
            reader.finish(failure=failure)
