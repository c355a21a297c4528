"""The actor of a site: owns the fleet of its machine, and hands out results."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from dataclasses import dataclass, fields
from typing import Any

from freshframe import StateError, __version__

from .._control.name_lock import state_folder
from .._fleet import Fleet
from .._read.reader import FleetReader
from .._specs import SiteSpec

# Maximum results of one call, seconds to wait for the first, seconds to gather others.
_BATCH = (1000, 1.0, 0.02)
_LONGEST_RETRY = 30.0  # seconds


def retry_wait(failures: int) -> float:
    """Returns the seconds before the next start after this many failures in a row: 1, doubling up to 30."""
    return min(_LONGEST_RETRY, 2.0 ** min(failures - 1, 9))


@dataclass(slots=True)
class SiteCounts:
    """Counts of a reader for one site, as of the site's newest answer.

    ``reported == delivered + outbox_full + expired + fenced + lost_with_agent + lost_with_site + waiting``.

    Attributes:
        reported: Results that agents have reported.
        delivered: Results that programs received.
        outbox_full: As in FleetReaderStats.
        expired: As in FleetReaderStats.
        fenced: As in FleetReaderStats. Also results of an earlier process of the site.
        lost_with_agent: As in FleetReaderStats.
        lost_with_site: Results that were queued at the site when its process ended.
        waiting: Results in transit.
        unreported_possible: As in FleetReaderStats, plus one for each camera in ``gaps``.
        deaths: How often the site's process ended while this reader was open.
        gaps: Number of cameras that had results both before and after such an end.
    """

    reported: int = 0
    delivered: int = 0
    outbox_full: int = 0
    expired: int = 0
    fenced: int = 0
    lost_with_agent: int = 0
    lost_with_site: int = 0
    waiting: int = 0
    unreported_possible: int = 0
    deaths: int = 0
    gaps: int = 0


class _Source:
    """A reader of the fleet in a site. It keeps a batch until the program has confirmed it."""

    def __init__(self, reader: FleetReader) -> None:
        self.lock = threading.Lock()  # held while waiting for results; guards the rest
        self.reader, self.holder, self.number, self.batch = reader, "", 0, list[Any]()


class Site:
    """The actor of a site. Ray restarts it, with the specification of its first start."""

    def __init__(self, name: str, spec: SiteSpec) -> None:
        """Starts the fleet. If its process died in earlier starts, waits first: 1 s, doubling up to 30 s."""
        starts = state_folder() / f"site-{hashlib.sha256(name.encode()).hexdigest()[:16]}.starts"
        failed = 0
        with contextlib.suppress(OSError, ValueError):
            failed = int(starts.read_text())
        starts.write_text(str(failed + 1))
        try:
            time.sleep(retry_wait(failed) if failed else 0.0)
            self._life = time.time_ns()
            self._spec = SiteSpec({}, spec.labels, spec.agents, spec.exclusive, spec.build, spec.version)
            self._number = -1  # of the build
            self._lock = threading.Lock()  # guards the specification and the sources
            self._sources: dict[tuple[str, str], _Source] = {}
            self._fleet = Fleet(agents=spec.agents)
            self.change(spec)
        finally:
            starts.unlink(missing_ok=True)

    def change(self, spec: SiteSpec) -> None:
        """Adds, updates and removes cameras so that the site has those of `spec`. The others keep running."""
        with self._lock:
            now, controller = self._spec, self._fleet._controller
            if spec.version != __version__:
                raise StateError(f"the site runs freshframe {__version__}, and the program {spec.version}")
            if (spec.agents, spec.exclusive) != (now.agents, now.exclusive):
                raise StateError(
                    f"the site runs with agents={now.agents} and exclusive={now.exclusive}, which cannot "
                    "change while it runs: call RaySites.shutdown(), and start the sites again"
                )
            if not now.cameras or spec.build != now.build:
                self._number = controller.add_build(*spec.build) if spec.cameras else -1
            for name in now.cameras.keys() - spec.cameras.keys():
                controller.remove(name)
            for name in now.cameras.keys() & spec.cameras.keys():
                if (now.cameras[name], now.build) != (spec.cameras[name], spec.build):
                    controller.update(name, self._number, spec.cameras[name])
            new: list[tuple[str, str, dict[str, str]]] = [
                (name, spec.cameras[name], {}) for name in spec.cameras if name not in now.cameras
            ]
            while any(name in controller.stats().cameras for name, _, _ in new):
                time.sleep(_BATCH[2])  # one of these names was removed, and is still closing
            if new:
                controller.add(new, self._number, spec.exclusive)
            self._spec = spec

    def take(
        self, output: str, name: str, holder: str, over: bool
    ) -> tuple[int, int, dict[str, int], list[Any]]:
        """Returns the number of the site's process, and a reader's batch number, counts and results.

        An unconfirmed batch is returned again. `over`: this holder takes over the reader.
        """
        with self._lock:
            if (output, name) not in self._sources:
                self._sources[output, name] = _Source(self._fleet.reader(output, name=name))
            source = self._sources[output, name]
        with source.lock:
            if over or not source.holder:
                source.holder = holder
            elif source.holder != holder:
                raise StateError(
                    f"another program reads {output!r} as {name!r} now: give each reader its own name"
                )
            if not source.batch:
                source.batch = source.reader.take_packed(*_BATCH)
                source.number += 1
            totals = source.reader._results.totals()
            counts = {each.name: getattr(totals, each.name, 0) for each in fields(SiteCounts)}
            return self._life, source.number, counts, source.batch

    def confirm(self, output: str, name: str, holder: str, number: int) -> bool:
        """Discards a confirmed batch. The program delivers it only after this has returned."""
        source = self._sources.get((output, name))
        if source is not None:  # otherwise the site has been restarted
            with source.lock:
                if (source.holder, source.number) == (holder, number):
                    source.batch = []
        return True

    def stats(self) -> dict[str, Any]:
        """Returns the statistics of the fleet."""
        return self._fleet.stats().to_dict()
